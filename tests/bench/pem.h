/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PEM file for the C core.
 */
#ifndef WAYMARK_BENCH_PEM_H
#define WAYMARK_BENCH_PEM_H

/* Its text, from malloc(). Ends the program if it cannot be read. */
char *pem_read(const char *path);

#endif
