/* SPDX-License-Identifier: Apache-2.0 */
#include "store/compact.h"

#include <string.h>

#include "cleanup.h"

DEFINE_CLEANUP(close_cursor, MDB_cursor *, mdb_cursor_close)

void compact_plan(struct compaction *compaction, uint64_t head, uint64_t records,
		  uint64_t living, uint64_t history)
{
	if (compaction->limit || head <= history || records - living <= living / 2 + history)
		return;
	compaction->position = 0;
	compaction->limit = head - history;
}

int compact_run(struct compaction *compaction, MDB_txn *txn, MDB_dbi table,
		const struct live *live, uint64_t work, uint64_t *ret_dropped)
{
	cleanup(close_cursor) MDB_cursor *cursor = NULL;
	uint64_t revision = compaction->position + 1;
	MDB_val key = {sizeof(revision), &revision};
	size_t place = 0;
	int rc;

	if (!compaction->limit)
		return 0;
	rc = mdb_cursor_open(txn, table, &cursor);
	if (rc == 0)
		rc = mdb_cursor_get(cursor, &key, NULL, MDB_SET_RANGE);
	for (; rc == 0 && work > 0; work--) {
		memcpy(&revision, key.mv_data, sizeof(revision));
		if (revision > compaction->limit)
			break;
		if (!live_has(live, revision, &place)) {
			rc = mdb_cursor_del(cursor, 0);
			if (rc == 0 && revision > *ret_dropped)
				*ret_dropped = revision;
		}
		compaction->position = revision;
		if (rc == 0)
			rc = mdb_cursor_get(cursor, &key, NULL, MDB_NEXT);
	}
	if (work > 0 && (rc == 0 || rc == MDB_NOTFOUND))
		compaction->limit = 0;
	return rc == MDB_NOTFOUND ? 0 : rc;
}
