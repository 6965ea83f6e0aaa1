/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer's transaction. It is gathered in memory and written when it is committed: a map
 * that turns out to be too small is then a matter of writing again.
 */
#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "store/lease.h"
#include "store/record.h"
#include "store/state.h"

/* Records that a commit looks at to drop the dead ones: enough to keep up with what it adds,
 * and some, so that commits that add nothing help too. */
#define COMPACT_PER_CHANGE 2
#define COMPACT_PER_COMMIT 1000

/* What a commit needs on the disk beside its batch. */
#define ROOM (1U << 20)
/* What it takes at least: pages that are half full, and those of the trees above them. */
#define TREE_ROOM (128U << 10)

/* ---- gathering ---- */

/* Is the file what the writer knows it to be? */
static int check_meta(struct store *store)
{
	char error[STORE_ERROR_MAX];
	struct meta meta;
	MDB_txn *txn;
	int r = environment_error(environment_begin(&store->environment, MDB_RDONLY, &txn));

	if (r < 0)
		return r;
	r = meta_read(txn, store->environment.tables[TABLE_META], store->file, &meta, error);
	environment_abort(&store->environment, txn);
	if (r == 0 && memcmp(&meta, &store->meta, sizeof(meta)) != 0)
		r = -EIO;
	return r;
}

/* After an error from which LMDB does not recover by itself. What cannot be written any more
 * can often still be read. */
static int reopen(struct store *store)
{
	char error[STORE_ERROR_MAX];
	int r;

	environment_close(&store->environment);
	r = environment_open(&store->environment, store->file, ENVIRONMENT_WRITE, error);
	if (r == 0)
		r = check_meta(store);
	if (r == 0)
		r = environment_claim(&store->environment);
	if (r < 0) {
		environment_close(&store->environment);
		environment_open(&store->environment, store->file, ENVIRONMENT_READ, error);
	}
	return r;
}

static int make_writable(struct store *store)
{
	return environment_is_writable(&store->environment) ? 0 : reopen(store);
}

int store_begin(struct store *store)
{
	store_abort(store);
	return make_writable(store);
}

void store_abort(struct store *store)
{
	batch_clear(&store->batch);
	store->newest = store->meta.revision;
	store->newest_lease = store->meta.last_lease;
}

static int add_record(struct store *store, uint64_t revision, const uint8_t *bytes, size_t size,
		      struct succession succession)
{
	int r;

	if (revision <= store->newest || succession.dies >= revision)
		return -EINVAL;
	r = batch_add_number(&store->batch, TABLE_RECORDS, revision, bytes, size);
	if (r == 0)
		r = batch_add_succession(&store->batch, succession);
	if (r == 0)
		store->newest = revision;
	return r;
}

int store_put(struct store *store, const struct mark *mark, uint64_t supersedes)
{
	uint8_t bytes[RECORD_SIZE_MAX];
	size_t size = record_write_mark(mark, supersedes, bytes);

	return add_record(store, mark->revision, bytes, size,
			  (struct succession){.lives = mark->revision, .dies = supersedes});
}

int store_remove(struct store *store, const struct removal *removal, uint64_t supersedes)
{
	uint8_t bytes[RECORD_SIZE_MAX];
	size_t size = record_write_removal(removal, supersedes, bytes);

	return add_record(store, removal->revision, bytes, size,
			  (struct succession){.lives = 0, .dies = supersedes});
}

int store_put_lease(struct store *store, const struct store_lease *lease)
{
	uint8_t bytes[LEASE_SIZE_MAX];
	size_t size = lease_write(lease, bytes);
	int r = lease->id
			? batch_add_number(&store->batch, TABLE_LEASES, lease->id, bytes, size)
			: -EINVAL;

	if (r == 0 && lease->id > store->newest_lease)
		store->newest_lease = lease->id;
	return r;
}

int store_remove_lease(struct store *store, uint64_t id)
{
	return batch_add_number(&store->batch, TABLE_LEASES, id, NULL, 0);
}

int store_put_owner(struct store *store, const char *owner, uint64_t election_id)
{
	uint8_t bytes[OWNER_SIZE_MAX];
	size_t size = owner_write(election_id, bytes), length = strlen(owner);

	if (length < 1 || length > MARK_OWNER_MAX)
		return -EINVAL;
	return batch_add(&store->batch, TABLE_OWNERS, owner, length, bytes, size);
}

/* ---- committing ---- */

/* What a commit changes beside the tables; it counts once the commit has succeeded. */
struct result {
	struct meta meta;
	struct compaction compaction;
};

static int compact(struct store *store, MDB_txn *txn, struct result *result)
{
	MDB_dbi records = store->environment.tables[TABLE_RECORDS];
	MDB_stat stat;
	int rc = mdb_stat(txn, records, &stat);

	if (rc != 0)
		return rc;
	compact_plan(&result->compaction, store->meta.revision, stat.ms_entries,
		     live_count(&store->live), store->history);
	return compact_run(&result->compaction, txn, records, &store->live,
			   COMPACT_PER_CHANGE * store->batch.n_changes + COMPACT_PER_COMMIT,
			   &result->meta.compact_revision);
}

static int fill_transaction(struct store *store, MDB_txn *txn, struct result *result)
{
	const MDB_dbi *tables = store->environment.tables;
	int rc = compact(store, txn, result);

	if (rc == 0)
		rc = batch_write(&store->batch, txn, tables);
	if (rc == 0)
		rc = meta_write(txn, tables[TABLE_META], &result->meta);
	return rc;
}

/* 0 or what LMDB says. */
static int write_transaction(struct store *store, struct result *result)
{
	MDB_txn *txn;
	int rc = environment_begin(&store->environment, 0, &txn);

	if (rc != 0)
		return rc;
	rc = fill_transaction(store, txn, result);
	if (rc == 0) {
		/* First: whoever misses a record that was dropped must find it said here. If
		 * the commit fails, it has been said of too many for a while. */
		store->compact_revision = result->meta.compact_revision;
		return environment_commit(&store->environment, txn);
	}
	environment_abort(&store->environment, txn);
	return rc;
}

/* The same, in a map that grows until all fits. The disk is what ends that. */
static int write_batch(struct store *store, struct result *ret)
{
	for (;;) {
		struct result result = {store->meta, store->compaction};
		int rc, r;

		result.meta.revision = store->newest;
		result.meta.last_lease = store->newest_lease;
		rc = write_transaction(store, &result);
		if (rc != MDB_MAP_FULL) {
			*ret = result;
			return environment_error(rc);
		}
		r = environment_grow(&store->environment);
		if (r < 0)
			return r;
	}
}

static int check_room(const struct store *store, uint64_t room)
{
	struct statvfs disk;

	if (statvfs(store->file, &disk) < 0)
		return -errno;
	return (uint64_t)disk.f_bavail * disk.f_frsize < room ? -ENOSPC : 0;
}

/* LMDB calls a write that the disk took a part of EIO. */
static int name_full_disk(struct store *store, int r)
{
	const uint64_t room = store->batch.used + ROOM;

	if (r == -EIO && check_room(store, room) == -ENOSPC)
		r = -ENOSPC;
	if (r == -ENOSPC)
		store->wanted_room = 2 * store->batch.used + TREE_ROOM;
	return r;
}

static void publish(struct store *store, const struct result *result)
{
	const struct batch *batch = &store->batch;

	for (size_t i = 0; i < batch->n_successions; i++) {
		live_remove(&store->live, batch->successions[i].dies);
		if (batch->successions[i].lives)
			live_add(&store->live, batch->successions[i].lives);
	}
	store->compaction = result->compaction;
	store->meta = result->meta;
	store->compact_revision = result->meta.compact_revision;
	store->last_lease = result->meta.last_lease;
	store->revision = result->meta.revision;
}

int store_commit(struct store *store)
{
	struct result result;
	int r = store->batch.n_changes > 0 ? 0 : check_room(store, store->wanted_room);

	if (r == 0)
		r = live_reserve(&store->live, store->batch.n_successions);
	if (r == 0)
		r = name_full_disk(store, write_batch(store, &result));
	if (r == 0)
		publish(store, &result);
	else
		make_writable(store); /* or readable: nobody should wait for a writer */
	store_abort(store);
	return r;
}
