/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the database is. A new one is built under another name first, so that a crash never
 * leaves half of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "cleanup.h"
#include "store/explain.h"
#include "store/state.h"

int file_path(const char *directory, const char *name, char ret[static PATH_MAX], char *error)
{
	if (snprintf(ret, PATH_MAX, "%s/%s", directory, name) < PATH_MAX)
		return 0;
	return explain_errno(error, -ENAMETOOLONG, directory);
}

static int write_meta(struct environment *environment, const struct meta *meta)
{
	MDB_txn *txn;
	int rc = environment_begin(environment, 0, &txn);

	if (rc != 0)
		return rc;
	rc = meta_write(txn, environment->tables[TABLE_META], meta);
	if (rc == 0)
		return environment_commit(environment, txn);
	environment_abort(environment, txn);
	return rc;
}

int file_stamp(const char *file, enum environment_mode mode, struct meta *meta, char *error)
{
	cleanup(environment_done) struct environment environment;
	int r;

	environment_init(&environment);
	r = environment_open(&environment, file, mode, error);
	if (r < 0)
		return r;
	r = environment_claim(&environment);
	if (r == 0)
		r = meta_new_state_id(meta);
	if (r == 0)
		r = environment_error(write_meta(&environment, meta));
	return r == 0 ? 0 : explain_errno(error, r, file);
}

int file_publish(const char *directory, char *error)
{
	cleanup(close_fd) int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0 || renameat(fd, STORE_NEW_FILE, fd, STORE_FILE) < 0 ||
	    fsync(fd) < 0)
		return explain_errno(error, -errno, directory);
	return 0;
}
