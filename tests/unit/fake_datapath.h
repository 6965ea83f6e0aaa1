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
	struct match match;
	struct mark_action action;
	struct traffic_count counters;
};

struct datapath {
	struct fake_slot slots[FAKE_SLOTS]; /* slot 0 is never used */
	unsigned int capacity; /* inserts beyond it are -ENOSPC */
	unsigned int n_applies, n_changes;
	int error; /* of every change from now on; 0: none */
};

/* The slot of this match; NULL: not programmed. */
struct fake_slot *fake_find(struct datapath *datapath, const struct match *match);

#endif
