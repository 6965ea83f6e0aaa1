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

unsigned int fake_slots_used(const struct datapath *datapath)
{
	unsigned int n = 0;

	for (size_t i = 1; i < FAKE_SLOTS; i++)
		n += datapath->slots[i].used;
	return n;
}

static int insert(struct datapath *datapath, struct datapath_change *change)
{
	uint32_t slot = 1;

	if (fake_slots_used(datapath) >= datapath->capacity)
		return -ENOSPC;
	while (datapath->slots[slot].used)
		slot++;
	datapath->slots[slot] = (struct fake_slot){.used = true,
						   .match = *change->match,
						   .action = change->action,
						   .lease = change->lease,
						   .counters = change->counters};
	change->slot = slot;
	return 0;
}

static bool fails(struct datapath *datapath)
{
	if (datapath->error == 0)
		return false;
	if (datapath->successes > 0) {
		datapath->successes--;
		return false;
	}
	if (datapath->errors > 0 && --datapath->errors == 0)
		datapath->error = 0;
	return true;
}

static int apply(struct datapath *datapath, struct datapath_change *change)
{
	struct fake_slot *slot = &datapath->slots[change->slot];

	datapath->n_changes++;
	if (fails(datapath))
		return -EPERM;
	switch (change->verb) {
	case DATAPATH_INSERT:
		return insert(datapath, change);
	case DATAPATH_REWRITE:
		slot->action = change->action;
		slot->lease = change->lease;
		return 0;
	case DATAPATH_REMOVE:
		change->counters = slot->counters;
		slot->used = false;
		return 0;
	}
	return -EINVAL;
}

void datapath_finish(struct datapath *datapath)
{
	for (size_t i = 0; i < datapath->n_begun; i++)
		datapath->begun[i].error = apply(datapath, &datapath->begun[i]);
	datapath->n_begun = 0;
}

void datapath_begin(struct datapath *datapath, struct datapath_change changes[], size_t n)
{
	datapath_finish(datapath);
	datapath->begun = changes;
	datapath->n_begun = n;
}

int datapath_apply(struct datapath *datapath, struct datapath_change changes[], size_t n)
{
	int first = 0;

	datapath_begin(datapath, changes, n);
	datapath_finish(datapath);
	for (size_t i = 0; i < n && first == 0; i++)
		first = changes[i].error;
	return first;
}

struct traffic_count datapath_counters(const struct datapath *datapath, uint32_t slot)
{
	return datapath->slots[slot].counters;
}

int datapath_each_pinned(struct datapath *datapath,
			 int (*each)(const struct match *match, uint32_t slot, void *user),
			 void *user)
{
	int r = 0;

	for (uint32_t i = 1; r == 0 && i < FAKE_SLOTS; i++)
		if (datapath->slots[i].pinned)
			r = each(&datapath->slots[i].match, i, user);
	return r;
}

int datapath_claim(struct datapath *datapath, const struct match *match, uint32_t slot,
		   const struct mark_action *action, uint32_t lease)
{
	struct fake_slot *claimed = &datapath->slots[slot];

	if (!claimed->pinned || memcmp(&claimed->match, match, sizeof(*match)) != 0)
		return -EINVAL;
	claimed->pinned = false;
	claimed->action = *action;
	claimed->lease = lease;
	return 0;
}

int datapath_lease_take(struct datapath *datapath, uint32_t *ret_index)
{
	uint32_t index = 1;

	while (index < FAKE_SLOTS && datapath->leases[index].used)
		index++;
	if (index == FAKE_SLOTS)
		return -ENOSPC;
	datapath->leases[index] = (struct fake_lease){.used = true};
	*ret_index = index;
	return 0;
}

void datapath_lease_put(struct datapath *datapath, uint32_t index)
{
	datapath->leases[index].used = false;
}

void datapath_lease_set(struct datapath *datapath, uint32_t index, int64_t deadline)
{
	datapath->leases[index].deadline = deadline;
}

unsigned int fake_leases_used(const struct datapath *datapath)
{
	unsigned int n = 0;

	for (size_t i = 1; i < FAKE_SLOTS; i++)
		n += datapath->leases[i].used;
	return n;
}

struct datapath_fill datapath_fill(const struct datapath *datapath)
{
	return (struct datapath_fill){.marks = fake_slots_used(datapath),
				      .marks_capacity = datapath->capacity,
				      .networks_capacity = datapath->capacity};
}

int datapath_clock_sync(struct datapath *datapath)
{
	(void)datapath;
	return 0;
}

/* Marks whose flow label is not as expected are put right. A test may store one meanwhile, as
 * others may in the kernel. */
int datapath_audit(struct datapath *datapath, const struct datapath_expected expected[],
		   size_t n)
{
	int repairs = 0;

	for (size_t i = 0; i < n; i++) {
		struct fake_slot *slot = &datapath->slots[expected[i].slot];
		uint32_t label = expected[i].action.flow_label;

		if (__atomic_load_n(&slot->action.flow_label, __ATOMIC_SEQ_CST) == label)
			continue;
		__atomic_store_n(&slot->action.flow_label, label, __ATOMIC_SEQ_CST);
		repairs++;
	}
	return repairs;
}

/* Everything at once. */
int datapath_sweep(struct datapath *datapath, struct datapath_cursor *cursor, size_t n,
		   bool (*known)(const struct match *match, uint32_t slot, void *user),
		   void *user, bool *ret_end)
{
	int repairs = 0;

	(void)cursor;
	(void)n;
	for (uint32_t i = 1; i < FAKE_SLOTS; i++) {
		struct fake_slot *slot = &datapath->slots[i];

		if (!__atomic_load_n(&slot->used, __ATOMIC_SEQ_CST) ||
		    known(&slot->match, i, user))
			continue;
		slot->used = false;
		repairs++;
	}
	*ret_end = true;
	return repairs;
}
