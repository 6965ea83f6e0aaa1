/* SPDX-License-Identifier: Apache-2.0 */
#include "core/group.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/lifetime.h"
#include "core/step.h"

int group_init(struct group *group)
{
	group->steps = calloc(GROUP_MAX, sizeof(*group->steps));
	group->changes = calloc(GROUP_MAX, sizeof(*group->changes));
	if (group->steps && group->changes)
		return 0;
	group_done(group);
	return -ENOMEM;
}

void group_done(struct group *group)
{
	HASH_CLEAR(hh, group->by_match);
	free(group->steps);
	free(group->changes);
}

static bool holds(const struct group *group, const struct match *match)
{
	struct step *step;

	HASH_FIND(hh, group->by_match, match, sizeof(*match), step);
	return step;
}

static void add_step(struct group *group, struct engine_op *op)
{
	struct step *step = &group->steps[group->n_steps++];

	step->op = op;
	step->entry = NULL;
	step->change = NULL;
	step->lease = step->made = NULL;
	HASH_ADD_KEYPTR(hh, group->by_match, &op->mark.match, sizeof(op->mark.match), step);
}

static bool is_dead(const struct group *group, const struct engine_op *op)
{
	return op->verb != ENGINE_EXPIRE &&
	       lifetime_over(index_find(group->index, &op->mark.match), group->now);
}

struct engine_op *group_take(struct group *group, struct engine_op *ops,
			     const struct match **ret_dead)
{
	HASH_CLEAR(hh, group->by_match);
	group->n_steps = group->n_changes = 0;
	group->now = lifetime_now();
	group->wall = lifetime_wall();
	*ret_dead = NULL;
	while (ops && group->n_steps < GROUP_MAX && !holds(group, &ops->mark.match)) {
		if (is_dead(group, ops)) {
			*ret_dead = &ops->mark.match;
			break;
		}
		add_step(group, ops);
		ops = ops->next;
	}
	return ops;
}

struct fault *step_refuse(struct step *step)
{
	step->op->outcome = OUTCOME_NONE;
	return &step->op->fault;
}

static void refuse_foreign(struct step *step)
{
	struct engine_op *op = step->op;
	const struct mark *there = &step->old;

	op->conflict = *there;
	fault_set(step_refuse(step), FAULT_PERMISSION_DENIED, FAULT_REASON_NOT_OWNER, NULL,
		  "the mark belongs to %s, not to %s", there->owner, op->mark.owner);
}

static void add_change(struct group *group, struct step *step, enum datapath_verb verb)
{
	struct datapath_change *change = &group->changes[group->n_changes++];

	*change = (struct datapath_change){
		.verb = verb,
		.match = &step->op->mark.match,
		.action = step->op->mark.action,
		.lease = step->lease ? step->lease->index : 0,
		.slot = step->entry ? step->entry->slot : 0,
	};
	step->change = change;
}

static void decide_create(struct group *group, struct step *step)
{
	if (lifetime_decide(group, step) < 0)
		return;
	step->op->mark.create_time = group->wall;
	step->op->outcome = OUTCOME_CREATED;
	add_change(group, step, DATAPATH_INSERT);
}

static void decide_update(struct group *group, struct step *step)
{
	struct mark *mark = &step->op->mark;
	bool same_action = mark_action_equal(&mark->action, &step->old.action);
	bool same_cookie = strcmp(mark->cookie, step->old.cookie) == 0;

	if (lifetime_decide(group, step) < 0)
		return;
	mark->create_time = step->old.create_time;
	mark->revision = step->old.revision;
	step->op->outcome = same_action && same_cookie && !lifetime_differs(step)
				    ? OUTCOME_UNCHANGED
				    : OUTCOME_UPDATED;
	if (!same_action || step->lease != step->entry->lease)
		add_change(group, step, DATAPATH_REWRITE);
}

static void decide_remove(struct group *group, struct step *step)
{
	if (!step->entry) {
		step->op->outcome = OUTCOME_ABSENT;
		return;
	}
	step->op->mark = step->old;
	step->op->outcome = OUTCOME_REMOVED;
	add_change(group, step, DATAPATH_REMOVE);
}

/* Finds the mark that is there. */
static int look_up(struct group *group, struct step *step)
{
	step->entry = index_find(group->index, &step->op->mark.match);
	if (!step->entry || store_get(group->store, step->entry->revision, &step->old) == 0)
		return 0;
	return fault_set(step_refuse(step), FAULT_INTERNAL, FAULT_REASON_STORE, NULL,
			 "the store cannot read revision %lu",
			 (unsigned long)step->entry->revision);
}

static void decide(struct group *group, struct step *step)
{
	struct engine_op *op = step->op;

	if ((op->wanted && !op->wanted(op)) || look_up(group, step) < 0)
		return;
	if (op->verb == ENGINE_EXPIRE && !lifetime_over(step->entry, group->now))
		op->outcome = OUTCOME_ABSENT;
	else if (op->verb != ENGINE_EXPIRE && step->entry &&
		 strcmp(step->old.owner, op->mark.owner) != 0)
		refuse_foreign(step);
	else if (op->verb != ENGINE_SET)
		decide_remove(group, step);
	else if (step->entry)
		decide_update(group, step);
	else
		decide_create(group, step);
}

/* Tables have the names of their capacities in the configuration. */
static void refuse_full(const struct group *group, struct step *step)
{
	const struct datapath_fill fill = datapath_fill(group->datapath);
	const bool is_network = step->op->mark.match.kind == MARK_NETWORK;
	const char *table = is_network ? "networks" : "marks";

	fault_set(step_refuse(step), FAULT_RESOURCE_EXHAUSTED, FAULT_REASON_TABLE_FULL, NULL,
		  "no room in the table of %s: %u of %u are taken", table,
		  is_network ? fill.networks : fill.marks,
		  is_network ? fill.networks_capacity : fill.marks_capacity);
	step->op->fault.subject = table;
}

static void refuse_kernel(const struct group *group, struct step *step, int error)
{
	if (error == -ENOSPC)
		refuse_full(group, step);
	else
		fault_set(step_refuse(step), FAULT_INTERNAL, FAULT_REASON_DATAPATH, NULL,
			  "the kernel refused the mark: %s", strerror(-error));
}

static void program(struct group *group)
{
	if (group->n_changes > 0)
		datapath_apply(group->datapath, group->changes, group->n_changes);
	for (size_t i = 0; i < group->n_steps; i++) {
		struct step *step = &group->steps[i];

		if (!step->change || step->change->error == 0)
			continue;
		refuse_kernel(group, step, step->change->error);
		lifetime_undo(group, step);
	}
}

static bool changes_store(const struct engine_op *op)
{
	return op->outcome == OUTCOME_CREATED || op->outcome == OUTCOME_UPDATED ||
	       op->outcome == OUTCOME_REMOVED;
}

static int record_removal(struct group *group, const struct step *step, uint64_t supersedes)
{
	const struct mark *mark = &step->op->mark;
	struct removal removal = {.match = mark->match,
				  .revision = mark->revision,
				  .reason = step->op->verb == ENGINE_EXPIRE ? REMOVAL_EXPIRED
									    : REMOVAL_CLEARED,
				  .counters = step->change->counters};

	memcpy(removal.owner, mark->owner, sizeof(removal.owner));
	return store_remove(group->store, &removal, supersedes);
}

static int record(struct group *group, struct step *step, uint64_t revision)
{
	struct engine_op *op = step->op;
	uint64_t supersedes = step->entry ? step->entry->revision : 0;
	int r = lifetime_record(group, step);

	op->revision = revision;
	op->mark.revision = revision;
	if (r < 0)
		return r;
	if (op->outcome == OUTCOME_REMOVED)
		return record_removal(group, step, supersedes);
	return store_put(group->store, &op->mark, supersedes);
}

static bool changes_anything(const struct group *group)
{
	for (size_t i = 0; i < group->n_steps; i++)
		if (changes_store(group->steps[i].op) || lifetime_renews(&group->steps[i]))
			return true;
	return false;
}

/* Everything the group has changed becomes durable, or nothing. */
static int commit(struct group *group)
{
	uint64_t revision = store_revision(group->store);
	int r;

	if (!changes_anything(group))
		return 0;
	r = store_begin(group->store);
	for (size_t i = 0; r == 0 && i < group->n_steps; i++) {
		struct step *step = &group->steps[i];

		if (changes_store(step->op))
			r = record(group, step, ++revision);
		else if (lifetime_renews(step))
			r = lifetime_record(group, step);
	}
	if (r == 0)
		return store_commit(group->store);
	store_abort(group->store);
	return r;
}

/* Puts the kernel back to what the store says: the group's changes in reverse. */
static void roll_back(struct group *group)
{
	for (size_t i = group->n_steps; i-- > 0;) {
		struct step *step = &group->steps[i];
		struct datapath_change change;

		if (!step->change || step->change->error < 0)
			continue;
		change = *step->change;
		if (change.verb == DATAPATH_INSERT)
			change.verb = DATAPATH_REMOVE;
		else if (change.verb == DATAPATH_REMOVE)
			change.verb = DATAPATH_INSERT;
		change.action = step->old.action;
		change.lease =
			step->entry && step->entry->lease ? step->entry->lease->index : 0;
		if (datapath_apply(group->datapath, &change, 1) == 0 && step->entry)
			step->entry->slot = change.slot;
	}
}

static void fail_group(struct group *group, int error)
{
	pthread_rwlock_wrlock(group->lock);
	roll_back(group);
	pthread_rwlock_unlock(group->lock);
	for (size_t i = 0; i < group->n_steps; i++) {
		struct step *step = &group->steps[i];

		if (!changes_store(step->op) && !lifetime_renews(step))
			continue;
		lifetime_undo(group, step);
		fault_set(step_refuse(step), FAULT_UNAVAILABLE, FAULT_REASON_STORE, NULL,
			  "the store cannot commit: %s", strerror(-error));
	}
}

/* Committed but not indexable: only a restart, which reads the store, mends that. */
static struct index_entry *index_created(struct group *group, const struct step *step)
{
	const struct engine_op *op = step->op;

	if (index_add(group->index, &op->mark.match, op->mark.owner, step->change->slot,
		      op->revision) < 0)
		abort();
	return index_find(group->index, &op->mark.match);
}

static void publish_step(struct group *group, struct step *step)
{
	switch (step->op->outcome) {
	case OUTCOME_CREATED:
		step->entry = index_created(group, step);
		lifetime_publish(group, step, step->entry);
		break;
	case OUTCOME_UPDATED:
		step->entry->revision = step->op->revision;
		lifetime_publish(group, step, step->entry);
		break;
	case OUTCOME_UNCHANGED:
		lifetime_publish(group, step, step->entry);
		break;
	case OUTCOME_REMOVED:
		lifetime_end(group, step->entry);
		index_remove(group->index, step->entry);
		break;
	case OUTCOME_ABSENT:
	case OUTCOME_NONE:
		break;
	}
}

static void publish(struct group *group)
{
	pthread_rwlock_wrlock(group->lock);
	for (size_t i = 0; i < group->n_steps; i++)
		publish_step(group, &group->steps[i]);
	group->index->revision = store_revision(group->store);
	pthread_rwlock_unlock(group->lock);
}

static void complete(struct group *group)
{
	uint64_t head = store_revision(group->store);

	for (size_t i = 0; i < group->n_steps; i++) {
		struct step *step = &group->steps[i];
		struct engine_op *op = step->op;

		if (!changes_store(op))
			op->revision = head;
		if (op->outcome == OUTCOME_REMOVED)
			op->counters = step->change->counters;
		else if (op->outcome == OUTCOME_UPDATED || op->outcome == OUTCOME_UNCHANGED)
			op->counters = datapath_counters(group->datapath, step->entry->slot);
		op->deadline = step->lease ? step->deadline : 0;
		op->done(op);
	}
}

int group_run(struct group *group)
{
	int r;

	for (size_t i = 0; i < group->n_steps; i++)
		decide(group, &group->steps[i]);
	program(group);
	r = commit(group);
	if (r < 0)
		fail_group(group, r);
	else
		publish(group);
	complete(group);
	return r;
}
