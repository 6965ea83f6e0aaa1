/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/adoption.h"

#include <errno.h>
#include <stdlib.h>

#include "datapath/shared.h"
#include "datapath/state.h"
#include "datapath/word.h"

static int adoption_make(struct adoption *adoption, uint32_t slots)
{
	adoption->unclaimed = calloc(slots, sizeof(*adoption->unclaimed));
	adoption->lease_of = calloc(slots, sizeof(*adoption->lease_of));
	adoption->lease_users = calloc(slots, sizeof(*adoption->lease_users));
	if (!adoption->unclaimed || !adoption->lease_of || !adoption->lease_users)
		return -ENOMEM;
	return 0;
}

void adoption_done(struct adoption *adoption)
{
	free(adoption->unclaimed);
	free(adoption->lease_of);
	free(adoption->lease_users);
	*adoption = (struct adoption){0};
}

static void adopt(struct datapath *datapath, const struct match *match, uint32_t slot)
{
	struct adoption *adoption = &datapath->adoption;
	uint64_t word = rows_word(&datapath->rows, slot), lease = word >> WORD_LEASE_SHIFT;

	/* Who was killed over a change may have left the other stripes behind. */
	rows_write(&datapath->rows, slot, match->kind, word);
	adoption->unclaimed[slot] = 1;
	adoption->left++;
	filter_adopt(&datapath->filter, match, slot);
	if (!lease || lease >= datapath->slot_count)
		return;
	adoption->lease_of[slot] = (uint32_t)lease;
	adoption->lease_users[lease]++;
}

/* Two entries with one slot cannot both be right; the first is believed. */
static bool is_sound(const struct datapath *datapath, const struct entry *entry,
		     struct match *match, uint32_t *slot)
{
	return entry_read(entry, match, slot) && *slot < datapath->slot_count &&
	       !datapath->adoption.unclaimed[*slot];
}

static int adopt_entry(const struct entry *entry, void *user)
{
	struct datapath *datapath = user;
	struct table *table =
		entry->kind == ENTRY_NETWORK ? &datapath->networks : &datapath->matches;
	struct match match;
	uint32_t slot;
	int error;

	if (!is_sound(datapath, entry, &match, &slot))
		return table_drop(table, entry);
	error = table_reserve(table);
	if (!error)
		adopt(datapath, &match, slot);
	return error;
}

/* Slots in use as they are; words of others that an agent has died over are cleared. */
static void adopt_slots(struct datapath *datapath, uint64_t now)
{
	struct adoption *adoption = &datapath->adoption;
	uint8_t *in_use = adoption->unclaimed;

	slots_adopt(&datapath->slots, in_use, now);
	for (uint32_t slot = 1; slot < datapath->slot_count; slot++)
		if (!in_use[slot])
			rows_clear(&datapath->rows, slot);
}

static int adopt_leases(struct datapath *datapath, uint64_t now)
{
	uint8_t *in_use = calloc(datapath->slot_count, sizeof(*in_use));

	if (!in_use)
		return -ENOMEM;
	for (uint32_t i = 0; i < datapath->slot_count; i++)
		in_use[i] = datapath->adoption.lease_users[i] > 0;
	slots_adopt(&datapath->leases.slots, in_use, now);
	free(in_use);
	return 0;
}

int adoption_init(struct datapath *datapath)
{
	uint64_t now = shared_now();
	int error = adoption_make(&datapath->adoption, datapath->slot_count);

	if (!error)
		error = table_each(&datapath->matches, adopt_entry, datapath);
	if (!error)
		error = table_each(&datapath->networks, adopt_entry, datapath);
	if (!error)
		error = adopt_leases(datapath, now);
	if (error)
		return error;
	adopt_slots(datapath, now);
	filter_resume(&datapath->filter, now);
	datapath->observing = shared_load(&datapath->maps.common->observe);
	return 0;
}

void adoption_end(struct adoption *adoption, uint32_t slot, struct leases *leases, uint64_t now)
{
	uint32_t lease;

	if (!adoption->unclaimed || !adoption->unclaimed[slot])
		return;
	adoption->unclaimed[slot] = 0;
	lease = adoption->lease_of[slot];
	if (lease && !--adoption->lease_users[lease])
		leases_put(leases, lease, now);
	if (!--adoption->left)
		adoption_done(adoption);
}

struct visit {
	const struct adoption *adoption;
	uint32_t slots;
	int (*each)(const struct match *match, uint32_t slot, void *user);
	void *user;
};

static int visit_entry(const struct entry *entry, void *user)
{
	const struct visit *visit = user;
	struct match match;
	uint32_t slot;

	if (!visit->adoption->unclaimed || !entry_read(entry, &match, &slot) ||
	    slot >= visit->slots || !visit->adoption->unclaimed[slot])
		return 0;
	return visit->each(&match, slot, visit->user);
}

int datapath_each_pinned(struct datapath *datapath,
			 int (*each)(const struct match *match, uint32_t slot, void *user),
			 void *user)
{
	struct visit visit = {&datapath->adoption, datapath->slot_count, each, user};
	int result = 0;

	if (visit.adoption->unclaimed)
		result = table_each(&datapath->matches, visit_entry, &visit);
	if (!result && visit.adoption->unclaimed)
		result = table_each(&datapath->networks, visit_entry, &visit);
	return result;
}

int datapath_claim(struct datapath *datapath, const struct match *match, uint32_t slot,
		   const struct mark_action *action, uint32_t lease)
{
	struct adoption *adoption = &datapath->adoption;

	if (!filter_has(&datapath->filter, match, slot))
		return -EINVAL;
	if (!adoption->unclaimed || !adoption->unclaimed[slot])
		return -EEXIST;
	rows_write(&datapath->rows, slot, match->kind, word_encode(action, lease));
	adoption_end(adoption, slot, &datapath->leases, shared_now());
	return 0;
}
