/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For LD_PRELOAD: writes down, in the order in which it happens, what a program writes to the
 * files below WAYMARK_JOURNAL_ROOT, and when that is on disk. The journal is the file
 * WAYMARK_JOURNAL: struct entry, then the data, again and again.
 *
 * A write is noted before it happens, a sync once it has.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum kind {
	WRITE = 1,
	LENGTH, /* ftruncate() to `offset` */
	SYNCED, /* all there was before */
	WRITE_SYNCED, /* the last write, which was by a descriptor with O_DSYNC */
};

struct entry {
	uint32_t kind; /* enum kind */
	uint32_t size; /* of the data that follow */
	int64_t offset;
	int64_t time; /* CLOCK_MONOTONIC, ns */
	uint64_t file; /* inode */
};

/* What we stand before. */
#define NEXT(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int journal = -1;
static const char *root;

__attribute__((constructor)) static void journal_open(void)
{
	const char *name = getenv("WAYMARK_JOURNAL");

	root = getenv("WAYMARK_JOURNAL_ROOT");
	if (name && root)
		journal = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

/* Is it a file that we watch? */
static bool file_find(int fd, uint64_t *ret)
{
	char link[64], path[PATH_MAX];
	struct stat status;
	ssize_t length;

	if (journal < 0)
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof(path) - 1);
	if (length < 0)
		return false;
	path[length] = '\0';
	if (strncmp(path, root, strlen(root)) != 0 || fstat(fd, &status) < 0 ||
	    !S_ISREG(status.st_mode))
		return false;
	*ret = status.st_ino;
	return true;
}

static void note(enum kind kind, uint64_t file, int64_t offset, const struct iovec *data, int n)
{
	struct iovec all[1 + IOV_MAX];
	struct entry entry = {.kind = kind, .offset = offset, .file = file, .time = now()};
	ssize_t size = sizeof(entry);
	int count = 1;

	for (int i = 0; i < n && i < IOV_MAX - 1; i++) {
		all[count++] = data[i];
		entry.size += (uint32_t)data[i].iov_len;
	}
	all[0] = (struct iovec){&entry, sizeof(entry)};
	size += entry.size;
	pthread_mutex_lock(&lock);
	if (NEXT(writev)(journal, all, count) != size)
		abort(); /* half a journal proves nothing */
	pthread_mutex_unlock(&lock);
}

static void note_event(enum kind kind, uint64_t file, int64_t offset)
{
	note(kind, file, offset, NULL, 0);
}

static void note_written(int fd, uint64_t file)
{
	if (fcntl(fd, F_GETFL) & O_DSYNC)
		note_event(WRITE_SYNCED, file, 0);
}

/* ---- what programs call ---- */

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
	const struct iovec vector = {(void *)data, size};
	uint64_t file;
	ssize_t written;

	if (!file_find(fd, &file))
		return NEXT(pwrite)(fd, data, size, offset);
	note(WRITE, file, offset, &vector, 1);
	written = NEXT(pwrite)(fd, data, size, offset);
	note_written(fd, file);
	return written;
}

ssize_t writev(int fd, const struct iovec *vectors, int n)
{
	uint64_t file;
	ssize_t written;

	if (!file_find(fd, &file))
		return NEXT(writev)(fd, vectors, n);
	note(WRITE, file, lseek(fd, 0, SEEK_CUR), vectors, n);
	written = NEXT(writev)(fd, vectors, n);
	note_written(fd, file);
	return written;
}

int ftruncate(int fd, off_t length)
{
	uint64_t file;

	if (file_find(fd, &file))
		note_event(LENGTH, file, length);
	return NEXT(ftruncate)(fd, length);
}

int fdatasync(int fd)
{
	uint64_t file;
	int r = NEXT(fdatasync)(fd);

	if (file_find(fd, &file) && r == 0)
		note_event(SYNCED, file, 0);
	return r;
}

int fsync(int fd)
{
	uint64_t file;
	int r = NEXT(fsync)(fd);

	if (file_find(fd, &file) && r == 0)
		note_event(SYNCED, file, 0);
	return r;
}
