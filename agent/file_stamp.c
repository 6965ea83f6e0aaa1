/* SPDX-License-Identifier: Apache-2.0 */
#include "file_stamp.h"

#include <stddef.h>
#include <sys/stat.h>

#include "now.h"

static int64_t ns(const struct timespec *time)
{
	return time->tv_sec * NANOSECONDS + time->tv_nsec;
}

struct file_stamp file_stamp_of(const char *path)
{
	struct stat status;

	if (!path || stat(path, &status) < 0)
		return (struct file_stamp){.inode = 0};
	return (struct file_stamp){
		.device = status.st_dev,
		.inode = status.st_ino,
		.size = status.st_size,
		.modified = ns(&status.st_mtim),
		.changed = ns(&status.st_ctim),
	};
}

bool file_stamp_is_none(const struct file_stamp *stamp)
{
	return file_stamp_equal(stamp, &(struct file_stamp){.inode = 0});
}

bool file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->modified == b->modified && a->changed == b->changed;
}
