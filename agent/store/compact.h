/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drops dead records, from the oldest on, a bounded number in every commit. A pass goes once
 * from the oldest record to where the history begins, and the next one starts over: marks
 * that it left behind die later.
 *
 * A pass ends below the revision at which it began. So a record is dropped only after
 * the one that it supersedes, and what is left tells the living from the dead at the next
 * start: nothing comes to life again.
 */
#ifndef WAYMARK_STORE_COMPACT_H
#define WAYMARK_STORE_COMPACT_H

#include <lmdb.h>
#include <stdint.h>

#include "store/live.h"

/* All zero at first; not kept, for a pass can start at any time. */
struct compaction {
	uint64_t position; /* looked at up to here */
	uint64_t limit; /* of this pass; 0: none is under way */
};

/* Starts a pass if it is worth the while: once the records that may go outnumber half of the
 * living, it looks at three records at most for each that it drops. head: newest committed
 * revision; records: number of all of them; history: that many of the newest changes stay. */
void compact_plan(struct compaction *compaction, uint64_t head, uint64_t records,
		  uint64_t living, uint64_t history);

/* Looks at `work` more records of the pass. *ret_dropped rises to the newest revision that was
 * dropped. 0 or what LMDB says. */
int compact_run(struct compaction *compaction, MDB_txn *txn, MDB_dbi table,
		const struct live *live, uint64_t work, uint64_t *ret_dropped);

#endif
