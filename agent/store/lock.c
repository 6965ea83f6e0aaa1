/* SPDX-License-Identifier: Apache-2.0 */
#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/explain.h"

#define LOCK_NAME "lock"

static int refuse_busy(int fd, const char *path, char *error)
{
	char text[16] = "";
	ssize_t size = pread(fd, text, sizeof(text) - 1, 0);
	long pid = size > 0 ? strtol(text, NULL, 10) : 0;

	if (pid > 0)
		return explain(error, -EBUSY, "%s: in use by process %ld", path, pid);
	return explain(error, -EBUSY, "%s: in use by another process", path);
}

static int write_pid(int fd)
{
	char text[16];
	int size = snprintf(text, sizeof(text), "%d\n", getpid());

	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)size, 0) < 0)
		return -errno;
	return 0;
}

static int lock_file(int fd, const char *path, char *error)
{
	int r;

	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? refuse_busy(fd, path, error)
					    : explain_errno(error, -errno, path);
	r = write_pid(fd);
	return r == 0 ? 0 : explain_errno(error, r, path);
}

int lock_directory(const char *directory, int *ret_fd, char *error)
{
	char path[PATH_MAX];
	int fd, r;

	if (mkdir(directory, 0700) < 0 && errno != EEXIST)
		return explain_errno(error, -errno, directory);
	if (snprintf(path, sizeof(path), "%s/" LOCK_NAME, directory) >= (int)sizeof(path))
		return explain_errno(error, -ENAMETOOLONG, directory);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return explain_errno(error, -errno, path);
	r = lock_file(fd, path, error);
	if (r < 0)
		close(fd);
	else
		*ret_fd = fd;
	return r;
}
