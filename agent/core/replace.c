/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The set of an owner's marks as it shall be: what is declared is set, the rest removed.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "core/group.h"

static bool is_undeclared(const struct group *group, const struct index_owner *owner,
			  const struct index_entry *entry)
{
	return entry->owner == owner && entry->round != group->round;
}

/* Tells declared entries from others, and counts what is new. */
static void mark_declared(struct group *group, const struct engine_op *op,
			  int64_t ret_new[static ROOM_COUNT])
{
	group->round++;
	for (size_t i = 0; i < op->n_updates; i++) {
		const struct engine_update *update = &op->updates[i];
		struct index_entry *entry;

		group_prefetch(group, op, i);
		entry = index_find_hashed(group->index, &update->match, update->hash);
		if (entry)
			entry->round = group->round;
		else if (!update->fault)
			ret_new[room_of(&update->match)]++;
	}
}

static uint64_t count_undeclared(const struct group *group, const struct index_owner *owner)
{
	const struct index_entry *entry;
	size_t place = 0;
	uint64_t n = 0;

	while ((entry = match_table_each(&group->index->entries, &place)))
		n += is_undeclared(group, owner, entry);
	return n;
}

static int compare_slots(const void *a, const void *b)
{
	const struct index_entry *const *left = a, *const *right = b;

	return ((*left)->slot > (*right)->slot) - ((*left)->slot < (*right)->slot);
}

/* In the order of their slots: what the datapath has of neighbours lies side by side, and the
 * kernel gives out their memory again in that order. */
static void remove_undeclared(struct group *group, struct engine_op *op,
			      const struct index_owner *owner)
{
	const size_t n = count_undeclared(group, owner);
	struct index_entry **list = calloc(n + 1, sizeof(*list)), *entry;
	size_t place = 0, found = 0;

	if (!list) {
		fault_set(&op->fault, FAULT_RESOURCE_EXHAUSTED, FAULT_REASON_MEMORY, NULL,
			  "the agent is out of memory");
		return;
	}
	while ((entry = match_table_each(&group->index->entries, &place)))
		if (is_undeclared(group, owner, entry))
			list[found++] = entry;
	qsort(list, n, sizeof(*list), compare_slots);
	for (size_t i = 0; i < n; i++)
		if (decide_removal(group, op, list[i], REMOVAL_REPLACED) < 0)
			break;
	free(list);
}

/* Marks come before others go, so that a packet whose mark only moves to another match finds
 * one, except where there is no room for both. */
static void replace_all(struct group *group, struct engine_op *op, struct index_owner *owner)
{
	int64_t new[ROOM_COUNT] = {0};
	bool fits;

	mark_declared(group, op, new);
	fits = new[ROOM_EXACT] <= group->room[ROOM_EXACT] &&
	       new[ROOM_NETWORKS] <= group->room[ROOM_NETWORKS];
	if (!fits)
		remove_undeclared(group, op, owner);
	else
		group->coming_removals = count_undeclared(group, owner);
	for (size_t i = 0; op->fault.code == FAULT_NONE && i < op->n_updates; i++) {
		group_prefetch(group, op, i);
		decide_update(group, op, owner, &op->updates[i]);
	}
	group->coming_removals = 0;
	if (fits && op->fault.code == FAULT_NONE)
		remove_undeclared(group, op, owner);
}

void replace_decide(struct group *group, struct engine_op *op, struct index_owner *owner)
{
	const size_t first = group->n_steps;

	if (op->if_owner_revision && owner->changed > op->if_owner_revision) {
		fault_set(&op->fault, FAULT_ABORTED, FAULT_REASON_REVISION_MISMATCH,
			  "begin.if_owner_revision",
			  "if_owner_revision is %" PRIu64
			  ", the marks of %s changed with revision %" PRIu64,
			  op->if_owner_revision, owner->name, owner->changed);
		return;
	}
	operation_attempt(group, op, owner, replace_all);
	/* A removal that failed would leave a set that nobody has declared. */
	group_program(group);
	if (op->fault.code != FAULT_NONE)
		group_drop(group, first);
}
