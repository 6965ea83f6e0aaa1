/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A datapath without a kernel: remembers what was programmed, and fails when told to.
 */
#ifndef WAYMARK_FAKE_DATAPATH_H
#define WAYMARK_FAKE_DATAPATH_H

#include "datapath/datapath.h"

#define FAKE_SLOTS 64

struct fake_slot {
	bool used;
	bool pinned; /* left by an earlier agent, and not claimed */
	struct match match;
	struct mark_action action;
	uint32_t lease;
	struct traffic_count counters;
};

struct fake_lease {
	bool used;
	int64_t deadline; /* 0: never */
};

struct datapath {
	struct fake_slot slots[FAKE_SLOTS]; /* slot 0 is never used */
	struct fake_lease leases[FAKE_SLOTS]; /* nor is lease 0 */
	unsigned int capacity; /* inserts beyond it are -ENOSPC */
	unsigned int n_changes;
	int error; /* of every change from now on; 0: none ... */
	unsigned int successes; /* ... but for the next so many ... */
	unsigned int errors; /* ... and then so many times only; 0: always */
	struct datapath_change *begun; /* n of them, made as late as may be */
	size_t n_begun;
};

/* The slot of this match; NULL: not programmed. */
struct fake_slot *fake_find(struct datapath *datapath, const struct match *match);

unsigned int fake_slots_used(const struct datapath *datapath);
unsigned int fake_leases_used(const struct datapath *datapath);

#endif
