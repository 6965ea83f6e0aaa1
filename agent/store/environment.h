/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The database file and its tables, as LMDB has them. The map is one that grows: whoever is
 * in a transaction holds the lock for reading, and growing waits for them.
 *
 * The file that is written is always as long as the map (with a hole at the end), so that no
 * page of the map lies behind its end, and a file that was cut short is found out.
 */
#ifndef WAYMARK_STORE_ENVIRONMENT_H
#define WAYMARK_STORE_ENVIRONMENT_H

#include <lmdb.h>
#include <pthread.h>
#include <stdbool.h>

enum table { TABLE_META, TABLE_RECORDS, TABLE_LEASES, TABLE_OWNERS, TABLE_COUNT };

enum environment_mode {
	ENVIRONMENT_CREATE, /* a new file with empty tables; nobody else looks at it yet */
	ENVIRONMENT_WRITE, /* with readers beside the writer */
	ENVIRONMENT_PRIVATE, /* nobody else looks at it */
	ENVIRONMENT_READ, /* the same, and the file is never written */
	ENVIRONMENT_BESIDE, /* reads only; another process may have it open to write */
};

struct environment {
	MDB_env *env; /* NULL: not open */
	MDB_dbi tables[TABLE_COUNT];
	enum environment_mode mode;
	pthread_rwlock_t lock; /* held for reading in transactions */
};

/* The lock only; the environment is not open yet. */
void environment_init(struct environment *environment);
/* Closes it too. */
void environment_done(struct environment *environment);

/* 0; -EBADMSG: damaged or not ours; else negative errno. `error` (STORE_ERROR_MAX octets)
 * names the file and what is wrong. */
int environment_open(struct environment *environment, const char *file,
		     enum environment_mode mode, char *error);

/* Before the first change: makes the file, which has turned out to be ours, as long as the map.
 * 0 or negative errno. */
int environment_claim(struct environment *environment);

/* Waits until no transaction is under way. */
void environment_close(struct environment *environment);

/* A transaction: flags are 0 or MDB_RDONLY. 0 or what LMDB says; EIO: not open. */
int environment_begin(struct environment *environment, unsigned int flags, MDB_txn **ret);
/* Each ends it; commit: 0 or what LMDB says. */
int environment_commit(struct environment *environment, MDB_txn *txn);
void environment_abort(struct environment *environment, MDB_txn *txn);

/* Doubles the map once no transaction is under way. 0 or negative errno; the environment may
 * be closed then. */
int environment_grow(struct environment *environment);

/* Can it be written? After some failures LMDB refuses to work on: then the environment must be
 * closed and opened. */
bool environment_is_writable(struct environment *environment);

/* What LMDB says, as a negative errno. */
int environment_error(int rc);

#endif
