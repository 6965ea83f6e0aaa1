/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Match -> where its mark lives: the slot in the datapath, the revision in the store, and
 * whose it is. Counts marks by owner and by prefix length.
 *
 * Not locked: the engine changes it under its write lock and reads it under its read lock.
 */
#ifndef WAYMARK_INDEX_H
#define WAYMARK_INDEX_H

#include <stdint.h>
#include <uthash.h>

#include "core/mark.h"

/* One owner; lives while it has marks. */
struct index_owner {
	uint64_t marks;
	UT_hash_handle hh;
	char name[]; /* the key */
};

struct index_entry {
	struct match match; /* the key */
	uint32_t slot; /* in the datapath; 0: not programmed yet */
	uint64_t revision; /* in the store */
	struct index_owner *owner;
	struct lease *lease; /* NULL: for ever */
	struct index_entry *next, *prev; /* of the same lease */
	UT_hash_handle hh;
};

/* All zero at first. */
struct index {
	struct index_entry *entries;
	struct index_owner *owners;
	uint64_t revision; /* of the newest change that is in here; whoever makes it sets it */
	uint32_t by_length[129]; /* NETWORKs of this prefix length */
};

/* Frees the contents; the index is empty after. */
void index_done(struct index *index);

/* NULL: not there. Valid until the entry is removed. */
struct index_entry *index_find(const struct index *index, const struct match *match);

/* The most specific entry that covers what `match` describes; NULL: none. */
struct index_entry *index_effective(const struct index *index, const struct match *match);

/* Adds an entry that must not be there yet. 0 or -ENOMEM. */
int index_add(struct index *index, const struct match *match, const char *owner, uint32_t slot,
	      uint64_t revision);

/* Takes the entry off its lease too. */
void index_remove(struct index *index, struct index_entry *entry);

/* Hangs the entry on another lease; NULL: on none. */
void index_set_lease(struct index_entry *entry, struct lease *lease);

/* Number of marks of this owner. */
uint64_t index_owner_marks(const struct index *index, const char *owner);

#endif
