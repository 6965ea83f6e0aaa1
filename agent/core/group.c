/* SPDX-License-Identifier: Apache-2.0 */
#include "core/group.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "core/lifetime.h"
#include "datapath/datapath.h"
#include "failpoint.h"
#include "store/store.h"

/* Steps of a block, and blocks that a group keeps when it was an uncommonly large one. */
enum { BLOCK = 1024, BLOCKS_KEPT = 16 };

/* Steps ahead of which group_visit() fetches one. */
enum { STEPS_AHEAD = 8 };

/* ---- life ---- */

int group_init(struct group *group)
{
	group->batches = calloc(2, sizeof(*group->batches));
	return group->batches ? 0 : -ENOMEM;
}

static void free_blocks(struct group *group, size_t kept)
{
	while (group->n_blocks > kept)
		free(group->blocks[--group->n_blocks]);
}

void group_done(struct group *group)
{
	match_table_done(&group->by_match);
	free_blocks(group, 0);
	free(group->blocks);
	free(group->lease_changes);
	free(group->batches);
}

static void release_owners(struct group *group)
{
	while (group->touched) {
		struct index_owner *owner = group->touched;

		group->touched = owner->touched;
		owner->touched = NULL;
		owner->is_touched = false;
	}
}

void group_begin(struct group *group)
{
	const struct datapath_fill fill = datapath_fill(group->datapath);

	match_table_clear(&group->by_match);
	free_blocks(group, BLOCKS_KEPT);
	release_owners(group);
	group->n_steps = group->n_programmed = group->n_refused = 0;
	group->n_lease_changes = 0;
	group->ops = NULL;
	group->last_op = &group->ops;
	group->room[ROOM_EXACT] = (int64_t)fill.marks_capacity - fill.marks;
	group->room[ROOM_NETWORKS] = (int64_t)fill.networks_capacity - fill.networks;
	group->now = lifetime_now();
	group->wall = lifetime_wall();
}

/* ---- steps ---- */

struct step *group_step(const struct group *group, size_t i)
{
	return &group->blocks[i / BLOCK][i % BLOCK];
}

/* They are many more than the cache holds. */
struct step *group_visit(const struct group *group, size_t i)
{
	const char *next;

	if (i + STEPS_AHEAD < group->n_steps) {
		next = (const char *)group_step(group, i + STEPS_AHEAD);
		for (size_t line = 0; line < sizeof(struct step); line += 64)
			__builtin_prefetch(next + line, 1);
	}
	return group_step(group, i);
}

/* Not in the index's order: what comes from there one by one, as with a replacement, would
 * crowd together in a smaller table. */
static uint32_t turn(uint32_t hash)
{
	return hash << 16 | hash >> 16;
}

static struct step *find_first(const struct group *group, const struct match *match,
			       uint32_t hash)
{
	struct step *first;
	size_t place = turn(hash);

	do
		first = match_table_next(&group->by_match, turn(hash), &place);
	while (first && memcmp(first->match, match, sizeof(*match)) != 0);
	return first;
}

bool group_knows(const struct group *group, const struct index_entry *entry)
{
	return find_first(group, &entry->match, entry->hash);
}

static int add_block(struct group *group)
{
	struct step **blocks =
		reallocarray(group->blocks, group->n_blocks + 1, sizeof(struct step *));

	if (!blocks)
		return -ENOMEM;
	group->blocks = blocks;
	blocks[group->n_blocks] = calloc(BLOCK, sizeof(struct step));
	if (!blocks[group->n_blocks])
		return -ENOMEM;
	group->n_blocks++;
	return 0;
}

static struct state published_state(const struct index_entry *entry)
{
	if (!entry)
		return (struct state){.exists = false};
	return (struct state){.exists = true,
			      .slot = entry->slot,
			      .action = entry->action,
			      .create_time = entry->create_time,
			      .lease = entry->lease,
			      .owner = entry->owner,
			      .revision = entry->revision};
}

void group_prefetch(const struct group *group, const struct engine_op *op, size_t i)
{
	const struct match_table *entries = &group->index->entries;

	if (i + 2 * GROUP_AHEAD < op->n_updates)
		match_table_prefetch(entries, op->updates[i + 2 * GROUP_AHEAD].hash);
	if (i + GROUP_AHEAD < op->n_updates) {
		const uint32_t hash = op->updates[i + GROUP_AHEAD].hash;

		match_table_prefetch_item(entries, hash);
		match_table_prefetch(&group->by_match, turn(hash));
	}
}

struct step *group_add(struct group *group, const struct match *match, uint32_t hash,
		       struct index_entry *entry)
{
	struct step *first, *step;

	/* While the changes are in the cache. */
	if (group->n_steps - group->n_programmed >= GROUP_CHANGES && !group->simulating)
		group_program_on(group);
	first = find_first(group, match, hash);
	/* What comes now must find what has become of it. */
	if (first && !first->latest->in_kernel && !group->simulating) {
		group_program(group);
		first = find_first(group, match, hash);
	}
	if (group->n_steps == group->n_blocks * BLOCK && add_block(group) < 0)
		return NULL;
	step = group_step(group, group->n_steps++);
	*step = (struct step){.match = match,
			      .hash = hash,
			      .entry = entry,
			      .before = first ? first->latest : NULL};
	step->was = step->before ? step->before->is : published_state(step->entry);
	return step;
}

int group_keep(struct group *group, struct step *step)
{
	step->first = step->before ? step->before->first : NULL;
	if (!step->first) {
		int r = match_table_add(&group->by_match, turn(step->hash), step);

		if (r < 0)
			return r;
		step->first = step;
	}
	step->first->latest = step;
	step_account(group, step, 1);
	return 0;
}

void group_forget(struct group *group, struct step *step)
{
	if (step->first == step)
		match_table_remove(&group->by_match, turn(step->hash), step);
	else if (step->first)
		step->first->latest = step->before;
	if (step->first)
		step_account(group, step, -1);
	step->first = NULL;
	step->outcome = OUTCOME_NONE;
	free(step->added);
	step->added = NULL;
}

void group_drop(struct group *group, size_t n)
{
	group_settle(group);
	while (group->n_steps > n) {
		struct step *step = group_step(group, group->n_steps - 1);

		if (step->first) {
			group_undo(group, step);
			group_forget(group, step);
		}
		group->n_steps--;
	}
	if (group->n_programmed > n)
		group->n_programmed = n;
}

/* ---- what the group does beside its steps ---- */

struct owner_account *group_account(struct group *group, struct index_owner *owner)
{
	if (!owner->is_touched) {
		owner->is_touched = true;
		owner->touched = group->touched;
		owner->next = owner->account;
		group->touched = owner;
	}
	return &owner->next;
}

int group_add_lease_change(struct group *group, enum lease_verb verb,
			   struct shared_lease *lease)
{
	if (group->n_lease_changes == group->max_lease_changes) {
		size_t max = group->max_lease_changes ? 2 * group->max_lease_changes : 64;
		struct lease_change *grown =
			reallocarray(group->lease_changes, max, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		group->lease_changes = grown;
		group->max_lease_changes = max;
	}
	group->lease_changes[group->n_lease_changes++] = (struct lease_change){
		.verb = verb, .lease = lease, .old_deadline = lease->lease.next_deadline};
	return 0;
}

/* ---- the group as a whole ---- */

/* These look at all marks of a lease or an owner, which must be published; or tell revisions
 * that the changes before them get when they are committed. */
static bool stands_alone(const struct engine_op *op)
{
	return op->verb == ENGINE_REPLACE || op->verb == ENGINE_REVOKE || op->validate_only;
}

struct engine_op *group_take(struct group *group, struct engine_op *ops)
{
	while (ops && group->n_steps < GROUP_MAX && !(group->ops && stands_alone(ops))) {
		struct engine_op *op = ops;

		ops = op->next;
		op->next = NULL;
		*group->last_op = op;
		group->last_op = &op->next;
		operation_decide(group, op);
		if (stands_alone(op))
			break;
	}
	return ops;
}

static void fail(struct group *group, int error)
{
	group_drop(group, 0);
	lease_changes_undo(group);
	for (struct engine_op *op = group->ops; op; op = op->next)
		if (!op->cancelled)
			fault_set(&op->fault, FAULT_UNAVAILABLE, FAULT_REASON_STORE, NULL,
				  "the store cannot commit: %s", strerrordesc_np(-error));
}

/* An uncommonly large group leaves no memory taken behind: neither its own nor, once its
 * operations are gone, what the C library has in stock. */
static void release(struct group *group)
{
	if (group->n_blocks <= BLOCKS_KEPT)
		return;
	match_table_clear(&group->by_match);
	free_blocks(group, BLOCKS_KEPT);
	group->n_steps = 0;
	(void)malloc_trim(0);
}

static void complete(struct group *group)
{
	uint64_t head = store_revision(group->store);
	struct engine_op *next;

	for (struct engine_op *op = group->ops; op; op = next) {
		next = op->next;
		if (op->all_or_nothing && op->fault.code == FAULT_NONE)
			operation_adopt_fault(op);
		if (op->revision == 0 || op->fault.code != FAULT_NONE)
			op->revision = head;
		op->done(op);
	}
	group->ops = NULL;
}

int group_run(struct group *group)
{
	int r;

	group_program(group);
	FAILPOINT("after-map");
	r = group->store_error = group_commit(group);
	if (r < 0) {
		fail(group, r);
	} else {
		FAILPOINT("after-commit");
		for (size_t i = 0; i < group->n_steps; i++)
			step_report(group, group_visit(group, i));
		group_publish(group);
	}
	complete(group);
	release(group);
	return r;
}
