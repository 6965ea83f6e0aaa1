/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From one set of maps to another while packets are marked: what is in force is copied, the
 * new set takes the place of the old one, programs on interfaces are replaced one by one, and
 * last what was counted by the old set moves to the new one. A counter moves in one piece, and
 * only when the new set is the one in force: an agent that is killed over it leaves nothing
 * out and nothing counted twice, and the next one goes on.
 */
#ifndef WAYMARK_MIGRATION_H
#define WAYMARK_MIGRATION_H

#include "datapath/pins.h"

struct datapath;
struct marker; /* the skeleton */
struct old_maps;

/* The old sets that programs on interfaces may still use. */
struct migration {
	char *pin_dir; /* NULL: nothing is pinned */
	struct old_maps *old[PINS_OLD_MAX];
	unsigned n;
};

/* Finds the sets that an earlier agent was killed over. 0 or negative errno;
 * migration_done() is due in any case. */
int migration_init(struct migration *migration, const struct marker *programs,
		   const char *pin_dir);
void migration_done(struct migration *migration);

/* Fills the tables, words and deadlines of a datapath whose maps are empty from those in
 * force. 0; -ENOSPC: they do not fit, and datapath_last_message() says what; or negative
 * errno. */
int migration_copy(struct datapath *datapath);

/* Pins the maps of a datapath in the place of those that it was copied from. */
int migration_commit(struct datapath *datapath);

/* Moves what was counted for marks so far. */
int migration_count_marks(struct datapath *datapath);

#endif
