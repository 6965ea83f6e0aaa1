/* SPDX-License-Identifier: Apache-2.0 */
#include "store/environment.h"

#include <errno.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/explain.h"

#define FILE_MODE 0600
#define READERS_MAX 1024 /* transactions at a time */
#define MAP_SIZE_MIN (1UL << 20)

static const struct {
	const char *name;
	unsigned int flags;
} tables[TABLE_COUNT] = {
	[TABLE_META] = {"meta", 0},
	[TABLE_RECORDS] = {"records", MDB_INTEGERKEY},
	[TABLE_LEASES] = {"leases", MDB_INTEGERKEY},
	[TABLE_OWNERS] = {"owners", 0},
};

int environment_error(int rc)
{
	switch (rc) {
	case MDB_NOTFOUND:
		return -ENOENT;
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INVALID:
	case MDB_INCOMPATIBLE:
		return -EBADMSG;
	case MDB_VERSION_MISMATCH:
		return -EPROTO;
	case MDB_READERS_FULL:
	case MDB_MAP_RESIZED:
		return -EAGAIN;
	case MDB_TXN_FULL:
		return -E2BIG;
	case MDB_MAP_FULL:
		return -ENOSPC;
	default:
		return rc >= 0 ? -rc : -EIO;
	}
}

static int refuse(char *error, int rc, const char *file, const char *what)
{
	return explain(error, environment_error(rc), "%s: %s: %s", file, what,
		       mdb_strerror(rc));
}

/* ---- life ---- */

void environment_init(struct environment *environment)
{
	pthread_rwlockattr_t attributes;

	environment->env = NULL;
	pthread_rwlockattr_init(&attributes);
	/* Readers come all the time; whoever wants to grow the map must get a turn. */
	pthread_rwlockattr_setkind_np(&attributes,
				      PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&environment->lock, &attributes);
	pthread_rwlockattr_destroy(&attributes);
}

void environment_done(struct environment *environment)
{
	environment_close(environment);
	pthread_rwlock_destroy(&environment->lock);
}

static int open_tables(MDB_txn *txn, unsigned int create, MDB_dbi ret[])
{
	for (int i = 0; i < TABLE_COUNT; i++) {
		unsigned int flags;
		int rc = mdb_dbi_open(txn, tables[i].name, tables[i].flags | create, &ret[i]);

		if (rc == 0)
			rc = mdb_dbi_flags(txn, ret[i], &flags);
		if (rc == 0 && flags != tables[i].flags)
			rc = MDB_INCOMPATIBLE;
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* Is every page that is in use within the file? */
static int check_length(MDB_env *env, const char *file, char *error)
{
	struct stat status;
	MDB_envinfo info;
	MDB_stat stat;
	uint64_t wanted;
	int fd;

	mdb_env_info(env, &info);
	mdb_env_stat(env, &stat);
	mdb_env_get_fd(env, &fd);
	if (fstat(fd, &status) < 0)
		return explain_errno(error, -errno, file);
	wanted = ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize;
	if ((uint64_t)status.st_size >= wanted)
		return 0;
	return explain(error, -EBADMSG, "%s: damaged: it was cut short, %lld of %llu octets",
		       file, (long long)status.st_size, (unsigned long long)wanted);
}

static int find_tables(struct environment *environment, const char *file, bool create,
		       char *error)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(environment->env, NULL, create ? 0 : MDB_RDONLY, &txn);

	if (rc != 0)
		return refuse(error, rc, file, "no transaction");
	rc = open_tables(txn, create ? MDB_CREATE : 0, environment->tables);
	if (rc == 0)
		rc = mdb_txn_commit(txn);
	else
		mdb_txn_abort(txn);
	if (rc == MDB_NOTFOUND || rc == MDB_INCOMPATIBLE)
		return explain(error, -EBADMSG, "%s: an LMDB file, but not Waymark's", file);
	return rc == 0 ? 0 : refuse(error, rc, file, "no tables");
}

static int open_file(MDB_env *env, const char *file, enum environment_mode mode, char *error)
{
	static const unsigned int flags[] = {
		[ENVIRONMENT_CREATE] = MDB_NOLOCK,
		[ENVIRONMENT_WRITE] = 0,
		[ENVIRONMENT_PRIVATE] = MDB_NOLOCK,
		[ENVIRONMENT_READ] = MDB_NOLOCK | MDB_RDONLY,
		[ENVIRONMENT_BESIDE] = MDB_RDONLY,
	};
	struct stat status;
	int rc;

	if (mode == ENVIRONMENT_CREATE)
		mdb_env_set_mapsize(env, MAP_SIZE_MIN);
	else if (stat(file, &status) < 0)
		return explain_errno(error, -errno, file);
	else if (status.st_size == 0) /* LMDB would make a new one of it */
		return explain(error, -EBADMSG, "%s: damaged: it is empty", file);
	mdb_env_set_maxdbs(env, TABLE_COUNT);
	mdb_env_set_maxreaders(env, READERS_MAX);
	rc = mdb_env_open(env, file, MDB_NOSUBDIR | MDB_NOTLS | flags[mode], FILE_MODE);
	if (rc == MDB_INVALID || rc == MDB_CORRUPTED)
		return explain(error, -EBADMSG, "%s: damaged, or not Waymark's", file);
	return rc == 0 ? 0 : refuse(error, rc, file, "cannot open");
}

static int use_file(struct environment *environment, const char *file,
		    enum environment_mode mode, char *error)
{
	int stale, r = check_length(environment->env, file, error);

	if (r == 0)
		r = find_tables(environment, file, mode == ENVIRONMENT_CREATE, error);
	/* Readers that a crash has left behind would keep pages from being used again. */
	if (r == 0 && mode == ENVIRONMENT_WRITE)
		mdb_reader_check(environment->env, &stale);
	return r;
}

int environment_open(struct environment *environment, const char *file,
		     enum environment_mode mode, char *error)
{
	int rc, r;

	pthread_rwlock_wrlock(&environment->lock);
	environment->mode = mode;
	rc = mdb_env_create(&environment->env);
	if (rc == 0) {
		r = open_file(environment->env, file, mode, error);
		if (r == 0)
			r = use_file(environment, file, mode, error);
	} else {
		environment->env = NULL;
		r = refuse(error, rc, file, "cannot open");
	}
	pthread_rwlock_unlock(&environment->lock);
	if (r < 0)
		environment_close(environment);
	return r;
}

/* The file reaches to the end of the map, with a hole. */
static int fill_up(MDB_env *env, size_t size)
{
	struct stat status;
	int fd;

	mdb_env_get_fd(env, &fd);
	if (fstat(fd, &status) < 0)
		return -errno;
	if ((uint64_t)status.st_size < size && ftruncate(fd, (off_t)size) < 0)
		return -errno;
	return 0;
}

int environment_claim(struct environment *environment)
{
	MDB_envinfo info;

	mdb_env_info(environment->env, &info);
	return fill_up(environment->env, info.me_mapsize);
}

void environment_close(struct environment *environment)
{
	pthread_rwlock_wrlock(&environment->lock);
	if (environment->env)
		mdb_env_close(environment->env);
	environment->env = NULL;
	pthread_rwlock_unlock(&environment->lock);
}

/* ---- transactions ---- */

int environment_begin(struct environment *environment, unsigned int flags, MDB_txn **ret)
{
	int rc = EIO;

	pthread_rwlock_rdlock(&environment->lock);
	if (environment->env)
		rc = mdb_txn_begin(environment->env, NULL, flags, ret);
	if (rc != 0)
		pthread_rwlock_unlock(&environment->lock);
	return rc;
}

int environment_commit(struct environment *environment, MDB_txn *txn)
{
	int rc = mdb_txn_commit(txn);

	pthread_rwlock_unlock(&environment->lock);
	return rc;
}

void environment_abort(struct environment *environment, MDB_txn *txn)
{
	mdb_txn_abort(txn);
	pthread_rwlock_unlock(&environment->lock);
}

static int grow(struct environment *environment)
{
	MDB_envinfo info;
	size_t size;
	int stale, r;

	if (!environment->env)
		return -EIO;
	/* What a backup that was killed still seems to read can be used again next time. */
	mdb_reader_check(environment->env, &stale);
	mdb_env_info(environment->env, &info);
	size = 2 * info.me_mapsize;
	r = fill_up(environment->env, size);
	if (r < 0)
		return r;
	r = environment_error(mdb_env_set_mapsize(environment->env, size));
	if (r < 0) { /* without a map now */
		mdb_env_close(environment->env);
		environment->env = NULL;
	}
	return r;
}

int environment_grow(struct environment *environment)
{
	int r;

	pthread_rwlock_wrlock(&environment->lock);
	r = grow(environment);
	pthread_rwlock_unlock(&environment->lock);
	return r;
}

bool environment_is_writable(struct environment *environment)
{
	MDB_txn *txn;
	int rc = environment_begin(environment, MDB_RDONLY, &txn);

	if (rc == 0)
		environment_abort(environment, txn);
	return environment->mode != ENVIRONMENT_READ &&
	       (rc == 0 || rc == MDB_READERS_FULL || rc == ENOMEM);
}
