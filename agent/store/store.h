/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The durable table of marks in the order of their revisions: listing, watching, resuming and
 * restoring are the same forward scan. Beside it leases, owners and the identity of the
 * state. Knows nothing of the kernel's maps or of RPCs.
 *
 * An update appends, a removal appends a tombstone; records that are superseded are dropped
 * later, from the oldest end, inside ordinary commits.
 *
 * Threads: one writer (begin .. commit or abort); any number of readers beside it. A
 * reader sees committed transactions only.
 */
#ifndef WAYMARK_STORE_H
#define WAYMARK_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/mark.h"

struct store;

#define STORE_STATE_ID_SIZE 16
#define STORE_ERROR_MAX 256

struct store_options {
	const char *directory; /* made if missing, mode 0700 */
	uint64_t history; /* changes that stay readable for watches; 0: 1,000,000 */
};

/* Opens or creates the table. 0; -EROFS, -EACCES, -ENOSPC, -ENOMEM; -EBADMSG: damaged or not
 * ours; -EPROTO: written by a newer version; -EBUSY: another process has it (named in
 * `error`). `error` says what is wrong with which file. *ret untouched on failure. */
int store_open(const struct store_options *options, struct store **ret,
	       char error[static STORE_ERROR_MAX]);
void store_close(struct store *store);

/* Is there a table in the directory, whatever its state? What cannot be looked at may be one.
 */
bool store_exists(const char *directory);

/* Changes only when revisions could repeat. 16 random bytes, made with the table. */
void store_state_id(const struct store *store, uint8_t ret[static STORE_STATE_ID_SIZE]);

/* Newest committed revision; 0 in an empty store. Any thread. */
uint64_t store_revision(const struct store *store);

/* Newest revision whose record may be gone: scans from an older one are incomplete. Any
 * thread. */
uint64_t store_compact_revision(const struct store *store);

/* ---- the writer's transaction ---- */

/* 0 or negative errno (-ENOSPC, -EROFS, -EIO ...). */
int store_begin(struct store *store);

/* Appends mark under mark->revision, which must be the highest yet; the record of revision
 * `supersedes` (0: none) is dead from then on. 0 or negative errno; after one, abort. */
int store_put(struct store *store, const struct mark *mark, uint64_t supersedes);

/* Appends the tombstone under removal->revision; `supersedes` is dead. */
int store_remove(struct store *store, const struct removal *removal, uint64_t supersedes);

/* A lease as it is kept. */
struct store_lease {
	uint64_t id; /* > 0, never used twice within a state_id */
	bool is_private; /* the ttl of one mark */
	uint64_t ttl; /* ns */
	uint8_t boot_id[16]; /* of the boot that `boottime` counts in */
	int64_t boottime; /* deadline on CLOCK_BOOTTIME, ns */
	int64_t wall; /* deadline on CLOCK_REALTIME, ns since 1970 */
	char owner[MARK_OWNER_MAX + 1];
};

int store_put_lease(struct store *store, const struct store_lease *lease);
int store_remove_lease(struct store *store, uint64_t id);

/* The highest election_id that an owner has shown. */
int store_put_owner(struct store *store, const char *owner, uint64_t election_id);

/* 0 once everything since store_begin() is on disk; negative errno and nothing of it kept. An
 * empty transaction is written, too, but not where the last one that found the disk full would
 * find it full again: it tells whether others can be. */
int store_commit(struct store *store);
void store_abort(struct store *store);

/* ---- readers ---- */

/* The mark whose record has exactly this revision. 0; -ENOENT: none, superseded and dropped,
 * or a tombstone; else negative errno. */
int store_get(struct store *store, uint64_t revision, struct mark *ret);

/* A record of the table: one of the two is set, and valid for the call only. */
struct store_record {
	uint64_t revision;
	const struct mark *mark;
	const struct removal *removal;
};

/* Calls `each` for the records after revision `after` in order until it returns non-zero,
 * and returns that; 0 at the end; negative errno. Superseded records that are not dropped
 * yet are passed too: who needs only the living asks the index. `each` must neither call
 * the store nor block for long: it holds a read transaction, for which a growing map waits. */
int store_scan(struct store *store, uint64_t after,
	       int (*each)(const struct store_record *record, void *user), void *user);

int store_each_lease(struct store *store,
		     int (*each)(const struct store_lease *lease, void *user), void *user);
int store_each_owner(struct store *store,
		     int (*each)(const char *owner, uint64_t election_id, void *user),
		     void *user);

/* Highest lease id ever used. */
uint64_t store_last_lease(const struct store *store);

/* Copies the table in `directory`, as the last commit left it, into a new file. An agent may
 * run and write meanwhile, but as another process: LMDB cannot be opened twice in one. 0;
 * -EEXIST; else negative errno. */
int store_backup(const char *directory, const char *file, char error[static STORE_ERROR_MAX]);

/* Makes a table in an empty directory from a backup, under a new state id. 0; -EEXIST: there
 * is a table already; else as store_open(). */
int store_restore(const struct store_options *options, const char *file,
		  char error[static STORE_ERROR_MAX]);

#endif
