/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pinned set of maps that another one replaces: of other sizes, perhaps of an older layout.
 * Everything that differs between layouts is known here and nowhere else.
 */
#ifndef WAYMARK_OLD_MAPS_H
#define WAYMARK_OLD_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datapath/table.h"

/* An array of the kernel's in our memory. */
struct old_array {
	void *memory;
	size_t octets;
};

/* A column of one. Items are `row` octets apart; counters have several copies of it. */
struct old_column {
	void *first;
	size_t row, copy; /* octets from one to the next */
	uint32_t entries, copies;
};

#define OLD_ARRAYS 8

struct old_maps {
	uint64_t version; /* of the layout */
	unsigned number; /* in pins.h */
	struct table matches, networks; /* own their descriptors; as many used as there are */
	uint64_t shortest_prefix, observe, since; /* as in abi.h */
	struct old_array arrays[OLD_ARRAYS];
	struct old_column words, leases; /* of 64 bits */
	struct old_column marked, sent, observed; /* of struct traffic */
	struct old_column interfaces; /* of struct interface_traffic */
};

/* Opens the set in this folder. 0; -ENOENT: it is none, or half a one; or what the kernel
 * said. *ret is untouched on failure. */
int old_maps_open(const char *folder, struct old_maps **ret);
void old_maps_close(struct old_maps *maps);

/* The match and the slot of an entry. False, and both untouched: no agent has made it. */
bool old_maps_read(const struct old_maps *maps, const struct entry *entry,
		   struct match *ret_match, uint32_t *ret_slot);

/* The word there; 0 where the index is beyond the end. */
uint64_t old_maps_word(const struct old_column *column, uint32_t index);

/* Has anything been counted for this slot since it was moved? */
bool old_maps_has_counted(const struct old_maps *maps, uint32_t slot);

/* Move what was counted there to other counters. */
void old_maps_move(const struct old_column *column, uint32_t entry, struct traffic *to);
void old_maps_move_interface(const struct old_maps *maps, uint32_t ifindex,
			     struct interface_traffic *to);

#endif
