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
	uint32_t entries;
};

struct old_maps {
	uint64_t version; /* of the layout */
	unsigned number; /* in pins.h */
	struct table matches, networks; /* own their descriptors; as many used as there are */
	uint32_t slots;
	struct old_array marks, leases, control;
	struct old_array mark_traffic, sent_traffic, observed_traffic, interfaces;
};

/* Opens the set in this folder. 0; -ENOENT: it is none, or half a one; or what the kernel
 * said. *ret is untouched on failure. */
int old_maps_open(const char *folder, struct old_maps **ret);
void old_maps_close(struct old_maps *maps);

/* The match and the slot of an entry. False, and both untouched: no agent has made it. */
bool old_maps_read(const struct old_maps *maps, const struct entry *entry,
		   struct match *ret_match, uint32_t *ret_slot);

/* Words of it; 0 where the index is beyond its end. */
uint64_t old_maps_word(const struct old_array *array, uint32_t index);

/* Has anything been counted for this slot since it was moved? */
bool old_maps_has_counted(const struct old_maps *maps, uint32_t slot);

/* Move what was counted for a slot, a pair or an interface to other counters. */
void old_maps_move(const struct old_maps *maps, uint32_t slot, struct traffic *to);
void old_maps_move_pair(const struct old_array *array, uint32_t pair, struct traffic *to);
void old_maps_move_interface(const struct old_maps *maps, uint32_t ifindex,
			     struct interface_traffic *to);

#endif
