/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What readers see: committed transactions, each call the newest.
 */
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "store/lease.h"
#include "store/record.h"
#include "store/state.h"

DEFINE_CLEANUP(close_cursor, MDB_cursor *, mdb_cursor_close)

/* ---- records ---- */

static int read_mark(MDB_txn *txn, MDB_dbi table, uint64_t revision, struct mark *ret)
{
	MDB_val key = {sizeof(revision), &revision}, value;
	struct record record;
	int rc = mdb_get(txn, table, &key, &value), r;

	if (rc != 0)
		return environment_error(rc);
	r = record_read(revision, value.mv_data, value.mv_size, &record);
	if (r < 0)
		return r;
	if (record.is_removal)
		return -ENOENT;
	*ret = record.mark;
	return 0;
}

int store_get(struct store *store, uint64_t revision, struct mark *ret)
{
	MDB_txn *txn;
	int r = environment_error(environment_begin(&store->environment, MDB_RDONLY, &txn));

	if (r < 0)
		return r;
	r = read_mark(txn, store->environment.tables[TABLE_RECORDS], revision, ret);
	environment_abort(&store->environment, txn);
	return r;
}

/* ---- walks ---- */

/* Called for each entry of a table; non-zero ends the walk. */
typedef int visit(const MDB_val *key, const MDB_val *value, void *user);

static int walk(MDB_txn *txn, MDB_dbi table, uint64_t first, visit *each, void *user)
{
	cleanup(close_cursor) MDB_cursor *cursor = NULL;
	MDB_val key = {sizeof(first), &first}, value;
	int rc = mdb_cursor_open(txn, table, &cursor), r = 0;

	if (rc == 0)
		rc = mdb_cursor_get(cursor, &key, &value, first ? MDB_SET_RANGE : MDB_FIRST);
	while (rc == 0 && r == 0) {
		r = each(&key, &value, user);
		if (r == 0)
			rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	}
	return rc == MDB_NOTFOUND || r != 0 ? r : environment_error(rc);
}

/* Calls `each` for the entries of a table from key `first` on; 0: all. */
static int walk_table(struct store *store, enum table table, uint64_t first, visit *each,
		      void *user)
{
	struct environment *environment = &store->environment;
	MDB_txn *txn;
	int r = environment_error(environment_begin(environment, MDB_RDONLY, &txn));

	if (r < 0)
		return r;
	r = walk(txn, environment->tables[table], first, each, user);
	environment_abort(environment, txn);
	return r;
}

struct record_visitor {
	int (*each)(const struct store_record *record, void *user);
	void *user;
};

static int visit_record(const MDB_val *key, const MDB_val *value, void *user)
{
	const struct record_visitor *visitor = user;
	struct store_record passed = {.mark = NULL};
	struct record record;
	int r;

	memcpy(&passed.revision, key->mv_data, sizeof(passed.revision));
	r = record_read(passed.revision, value->mv_data, value->mv_size, &record);
	if (r < 0)
		return r;
	if (record.is_removal)
		passed.removal = &record.removal;
	else
		passed.mark = &record.mark;
	return visitor->each(&passed, visitor->user);
}

int store_scan(struct store *store, uint64_t after,
	       int (*each)(const struct store_record *record, void *user), void *user)
{
	struct record_visitor visitor = {each, user};

	if (after == UINT64_MAX)
		return 0;
	return walk_table(store, TABLE_RECORDS, after + 1, visit_record, &visitor);
}

struct lease_visitor {
	int (*each)(const struct store_lease *lease, void *user);
	void *user;
};

static int visit_lease(const MDB_val *key, const MDB_val *value, void *user)
{
	const struct lease_visitor *visitor = user;
	struct store_lease lease;
	uint64_t id;
	int r;

	memcpy(&id, key->mv_data, sizeof(id));
	r = lease_read(id, value->mv_data, value->mv_size, &lease);
	return r < 0 ? r : visitor->each(&lease, visitor->user);
}

int store_each_lease(struct store *store,
		     int (*each)(const struct store_lease *lease, void *user), void *user)
{
	struct lease_visitor visitor = {each, user};

	return walk_table(store, TABLE_LEASES, 0, visit_lease, &visitor);
}

struct owner_visitor {
	int (*each)(const char *owner, uint64_t election_id, void *user);
	void *user;
};

static int visit_owner(const MDB_val *key, const MDB_val *value, void *user)
{
	const struct owner_visitor *visitor = user;
	char owner[MARK_OWNER_MAX + 1] = "";
	uint64_t election_id;
	int r;

	if (key->mv_size > MARK_OWNER_MAX)
		return -EBADMSG;
	memcpy(owner, key->mv_data, key->mv_size);
	r = owner_read(value->mv_data, value->mv_size, &election_id);
	return r < 0 ? r : visitor->each(owner, election_id, visitor->user);
}

int store_each_owner(struct store *store,
		     int (*each)(const char *owner, uint64_t election_id, void *user),
		     void *user)
{
	struct owner_visitor visitor = {each, user};

	return walk_table(store, TABLE_OWNERS, 0, visit_owner, &visitor);
}
