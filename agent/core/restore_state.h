/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two halves of a restoration share.
 */
#ifndef WAYMARK_RESTORE_STATE_H
#define WAYMARK_RESTORE_STATE_H

#include "core/group.h"
#include "store/store.h"

/* A lease of the store, by its id. */
struct known_lease {
	uint64_t id; /* the key */
	struct lease *lease; /* NULL: it is private, and no mark has asked for it yet */
	struct store_lease stored;
	int64_t deadline;
	UT_hash_handle hh;
};

/* A pinned entry that the store does not know. */
struct stray {
	struct match match;
	uint32_t slot;
};

/* Marks that are programmed at a time. */
#define RESTORE_BATCH 1024

struct restoration {
	struct group *group;
	struct engine_restored *result;
	struct known_lease *leases;
	bool rebooted; /* some lease counts on the clock of another boot */
	struct stray *strays;
	size_t n_strays, max_strays;
	struct datapath_change changes[RESTORE_BATCH];
	struct index_entry *inserted[RESTORE_BATCH]; /* whose slots the changes bring */
	size_t n_changes;
};

#endif
