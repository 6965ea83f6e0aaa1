/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tells one content of a file from another without reading it. A file that was renamed
 * into place, a symbolic link that points elsewhere and a file that was written in place all
 * get another stamp.
 */
#ifndef WAYMARK_FILE_STAMP_H
#define WAYMARK_FILE_STAMP_H

#include <stdbool.h>
#include <stdint.h>

/* All zero: there is no file. */
struct file_stamp {
	uint64_t device, inode;
	int64_t size, modified, changed; /* octets; ns since 1970 */
};

/* Take it before the file is read: what is written meanwhile counts as another content then.
 * NULL, or a file that cannot be looked at: all zero. Any thread. */
struct file_stamp file_stamp_of(const char *path);

bool file_stamp_is_none(const struct file_stamp *stamp);
bool file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b);

#endif
