/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_datapath.h"

#include <errno.h>
#include <string.h>

struct fake_slot *fake_find(struct datapath *datapath, const struct match *match)
{
	for (size_t i = 1; i < FAKE_SLOTS; i++) {
		struct fake_slot *slot = &datapath->slots[i];

		if (slot->used && memcmp(&slot->match, match, sizeof(*match)) == 0)
			return slot;
	}
	return NULL;
}

static unsigned int used(const struct datapath *datapath)
{
	unsigned int n = 0;

	for (size_t i = 1; i < FAKE_SLOTS; i++)
		n += datapath->slots[i].used;
	return n;
}

static int insert(struct datapath *datapath, struct datapath_change *change)
{
	uint32_t slot = 1;

	if (used(datapath) >= datapath->capacity)
		return -ENOSPC;
	while (datapath->slots[slot].used)
		slot++;
	datapath->slots[slot] =
		(struct fake_slot){true, *change->match, change->action, change->counters};
	change->slot = slot;
	return 0;
}

static int apply(struct datapath *datapath, struct datapath_change *change)
{
	struct fake_slot *slot = &datapath->slots[change->slot];

	datapath->n_changes++;
	if (datapath->error < 0)
		return datapath->error;
	switch (change->verb) {
	case DATAPATH_INSERT:
		return insert(datapath, change);
	case DATAPATH_REWRITE:
		slot->action = change->action;
		return 0;
	case DATAPATH_REMOVE:
		change->counters = slot->counters;
		slot->used = false;
		return 0;
	}
	return -EINVAL;
}

int datapath_apply(struct datapath *datapath, struct datapath_change changes[], size_t n)
{
	int first = 0;

	datapath->n_applies++;
	for (size_t i = 0; i < n; i++) {
		changes[i].error = apply(datapath, &changes[i]);
		if (first == 0)
			first = changes[i].error;
	}
	return first;
}

struct traffic_count datapath_counters(const struct datapath *datapath, uint32_t slot)
{
	return datapath->slots[slot].counters;
}
