/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WAYMARK_STORE_EXPLAIN_H
#define WAYMARK_STORE_EXPLAIN_H

/* Writes the text into error[STORE_ERROR_MAX] and returns r. */
__attribute__((format(printf, 3, 4))) int explain(char *error, int r, const char *format, ...);

/* "what: No space left on device", for a negative errno. */
int explain_errno(char *error, int r, const char *what);

#endif
