/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A copy without holes and dead pages, and a database made from one.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>

#include "cleanup.h"
#include "store/explain.h"
#include "store/lock.h"
#include "store/state.h"

/* ---- writing ---- */

/* The directory knows the file after a power loss. */
static int sync_directory_of(const char *file)
{
	cleanup(close_fd) int fd = -1;
	char copy[PATH_MAX];

	if (snprintf(copy, sizeof(copy), "%s", file) >= (int)sizeof(copy))
		return -ENAMETOOLONG;
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* Copies what is committed into a file that must not be there yet. */
static int copy_database(struct environment *environment, const char *file)
{
	cleanup(close_fd) int fd =
		open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r = -EIO;

	if (fd < 0)
		return -errno;
	pthread_rwlock_rdlock(&environment->lock);
	if (environment->env)
		r = environment_error(mdb_env_copyfd2(environment->env, fd, MDB_CP_COMPACT));
	pthread_rwlock_unlock(&environment->lock);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0)
		r = sync_directory_of(file);
	if (r < 0)
		unlink(file);
	return r;
}

static int copy_beside(const char *path, const char *file, char *error)
{
	cleanup(environment_done) struct environment environment;
	int r;

	environment_init(&environment);
	r = environment_open(&environment, path, ENVIRONMENT_BESIDE, error);
	if (r < 0)
		return r;
	r = copy_database(&environment, file);
	return r == 0 ? 0 : explain_errno(error, r, file);
}

int store_backup(const char *directory, const char *file, char error[static STORE_ERROR_MAX])
{
	char path[PATH_MAX];
	int r = file_path(directory, STORE_FILE, path, error);

	if (r < 0)
		return r;
	/* The writer has made the map larger between our look at it and the copy. */
	do
		r = copy_beside(path, file, error);
	while (r == -EAGAIN);
	return r;
}

/* ---- reading ---- */

static int copy_backup(const char *backup, const char *file, struct meta *ret_meta, char *error)
{
	cleanup(environment_done) struct environment environment;
	cleanup(live_done) struct live live = {.n = 0};
	int r;

	environment_init(&environment);
	r = environment_open(&environment, backup, ENVIRONMENT_READ, error);
	if (r == 0)
		r = load_tables(&environment, backup, ret_meta, &live, error);
	if (r < 0)
		return r;
	if (unlink(file) < 0 && errno != ENOENT)
		return explain_errno(error, -errno, file);
	r = copy_database(&environment, file);
	return r == 0 ? 0 : explain_errno(error, r, file);
}

int store_restore(const struct store_options *options, const char *file,
		  char error[static STORE_ERROR_MAX])
{
	cleanup(close_fd) int lock_fd = -1;
	char path[PATH_MAX], new_path[PATH_MAX];
	struct meta meta;
	int r = lock_directory(options->directory, &lock_fd, error);

	if (r == 0)
		r = file_path(options->directory, STORE_FILE, path, error);
	if (r == 0)
		r = file_path(options->directory, STORE_NEW_FILE, new_path, error);
	if (r == 0 && access(path, F_OK) == 0)
		r = explain(error, -EEXIST, "%s: there is a database already", path);
	if (r == 0)
		r = copy_backup(file, new_path, &meta, error);
	/* Its revisions go on elsewhere: an identity of its own. */
	if (r == 0)
		r = file_stamp(new_path, ENVIRONMENT_PRIVATE, &meta, error);
	return r == 0 ? file_publish(options->directory, error) : r;
}
