/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WAYMARK_READ_FILE_H
#define WAYMARK_READ_FILE_H

#include <stddef.h>

/* No file that the agent is given is larger. */
#define READ_FILE_MAX (16u << 20)

/* Reads a whole file, with a NUL behind it that *ret_length does not count; the caller frees
 * *ret. 0; -EFBIG: more than READ_FILE_MAX octets; -ENOMEM; else what open and read say. */
int read_file(const char *path, char **ret, size_t *ret_length);

#endif
