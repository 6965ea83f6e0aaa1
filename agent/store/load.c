/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a whole database when it is opened, so that damage is found before anybody relies on
 * what is there, and learns which records are alive.
 */
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "store/explain.h"
#include "store/lease.h"
#include "store/record.h"
#include "store/state.h"

DEFINE_CLEANUP(close_cursor, MDB_cursor *, mdb_cursor_close)

/* A walk over one table. */
struct loader {
	MDB_txn *txn;
	const char *file;
	char *error;
	struct live *live;
	struct meta *meta;
};

static int refuse_record(const struct loader *loader, const char *what, uint64_t number)
{
	return explain(loader->error, -EBADMSG, "%s: damaged: %s %llu cannot be read",
		       loader->file, what, (unsigned long long)number);
}

static int load_record(const struct loader *loader, uint64_t revision, const MDB_val *value)
{
	struct record record;
	int r = record_read(revision, value->mv_data, value->mv_size, &record);

	if (r < 0 || revision > loader->meta->revision)
		return refuse_record(loader, "revision", revision);
	live_remove(loader->live, record.supersedes);
	if (record.is_removal)
		return 0;
	r = live_reserve(loader->live, 1);
	if (r < 0)
		return explain_errno(loader->error, r, loader->file);
	live_add(loader->live, revision);
	return 0;
}

static int load_lease(const struct loader *loader, uint64_t id, const MDB_val *value)
{
	struct store_lease lease;

	if (id > loader->meta->last_lease ||
	    lease_read(id, value->mv_data, value->mv_size, &lease) < 0)
		return refuse_record(loader, "lease", id);
	return 0;
}

typedef int load_value(const struct loader *loader, uint64_t number, const MDB_val *value);

/* Owners have names, not numbers: they are counted. */
static int load_owner(const struct loader *loader, uint64_t number, const MDB_val *value)
{
	uint64_t election_id;

	if (owner_read(value->mv_data, value->mv_size, &election_id) < 0)
		return refuse_record(loader, "owner", number);
	return 0;
}

static int load_table(const struct loader *loader, MDB_dbi table, load_value *load)
{
	cleanup(close_cursor) MDB_cursor *cursor = NULL;
	uint64_t number = 0;
	MDB_val key, value;
	int rc = mdb_cursor_open(loader->txn, table, &cursor);

	if (rc == 0)
		rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
	for (; rc == 0; rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
		int r;

		if (load == load_owner)
			number++;
		else
			memcpy(&number, key.mv_data, sizeof(number));
		r = load(loader, number, &value);
		if (r < 0)
			return r;
	}
	if (rc != MDB_NOTFOUND)
		return explain(loader->error, environment_error(rc), "%s: %s", loader->file,
			       mdb_strerror(rc));
	return 0;
}

static int load_all(const struct loader *loader, const MDB_dbi tables[])
{
	int r = meta_read(loader->txn, tables[TABLE_META], loader->file, loader->meta,
			  loader->error);

	if (r == 0)
		r = load_table(loader, tables[TABLE_RECORDS], load_record);
	if (r == 0)
		r = load_table(loader, tables[TABLE_LEASES], load_lease);
	if (r == 0)
		r = load_table(loader, tables[TABLE_OWNERS], load_owner);
	return r;
}

int load_tables(struct environment *environment, const char *file, struct meta *ret_meta,
		struct live *live, char *error)
{
	struct loader loader = {.file = file, .error = error, .live = live, .meta = ret_meta};
	int rc = environment_begin(environment, MDB_RDONLY, &loader.txn), r;

	if (rc != 0)
		return explain(error, environment_error(rc), "%s: %s", file, mdb_strerror(rc));
	r = load_all(&loader, environment->tables);
	environment_abort(environment, loader.txn);
	return r;
}
