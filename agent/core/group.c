/* SPDX-License-Identifier: Apache-2.0 */
#include "core/group.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/index.h"
#include "datapath/datapath.h"
#include "store/store.h"

/* What one operation of a group comes down to. */
struct step {
	struct engine_op *op;
	struct index_entry *entry; /* NULL: the match is new */
	struct mark old; /* the mark that is there, where entry is set */
	struct datapath_change *change; /* NULL: the kernel has nothing to do */
	UT_hash_handle hh; /* in group->by_match */
};

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
	HASH_ADD_KEYPTR(hh, group->by_match, &op->mark.match, sizeof(op->mark.match), step);
}

struct engine_op *group_take(struct group *group, struct engine_op *ops)
{
	HASH_CLEAR(hh, group->by_match);
	group->n_steps = group->n_changes = 0;
	while (ops && group->n_steps < GROUP_MAX && !holds(group, &ops->mark.match)) {
		add_step(group, ops);
		ops = ops->next;
	}
	return ops;
}

static struct fault *refuse(struct engine_op *op)
{
	op->outcome = OUTCOME_NONE;
	return &op->fault;
}

static void refuse_foreign(struct engine_op *op, const struct mark *there)
{
	op->conflict = *there;
	fault_set(refuse(op), FAULT_PERMISSION_DENIED, FAULT_REASON_NOT_OWNER, NULL,
		  "the mark belongs to %s, not to %s", there->owner, op->mark.owner);
}

static struct datapath_change *add_change(struct group *group, struct step *step,
					  enum datapath_verb verb)
{
	struct datapath_change *change = &group->changes[group->n_changes++];

	*change = (struct datapath_change){
		.verb = verb,
		.match = &step->op->mark.match,
		.action = step->op->mark.action,
		.slot = step->entry ? step->entry->slot : 0,
	};
	step->change = change;
	return change;
}

static int64_t wall_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void decide_set(struct group *group, struct step *step)
{
	struct mark *mark = &step->op->mark;

	if (!step->entry) {
		mark->create_time = wall_clock();
		step->op->outcome = OUTCOME_CREATED;
		add_change(group, step, DATAPATH_INSERT);
		return;
	}
	mark->create_time = step->old.create_time;
	mark->revision = step->old.revision;
	step->op->outcome = OUTCOME_UPDATED;
	if (!mark_action_equal(&mark->action, &step->old.action))
		add_change(group, step, DATAPATH_REWRITE);
	else if (strcmp(mark->cookie, step->old.cookie) == 0)
		step->op->outcome = OUTCOME_UNCHANGED;
}

static void decide_clear(struct group *group, struct step *step)
{
	if (!step->entry) {
		step->op->outcome = OUTCOME_ABSENT;
		return;
	}
	step->op->mark = step->old;
	step->op->outcome = OUTCOME_REMOVED;
	add_change(group, step, DATAPATH_REMOVE);
}

static void decide(struct group *group, struct step *step)
{
	struct engine_op *op = step->op;

	if (op->wanted && !op->wanted(op))
		return;
	step->entry = index_find(group->index, &op->mark.match);
	if (step->entry && store_get(group->store, step->entry->revision, &step->old) < 0) {
		fault_set(refuse(op), FAULT_INTERNAL, FAULT_REASON_STORE, NULL,
			  "the store has lost revision %lu",
			  (unsigned long)step->entry->revision);
		return;
	}
	if (step->entry && strcmp(step->old.owner, op->mark.owner) != 0)
		refuse_foreign(op, &step->old);
	else if (op->verb == ENGINE_SET)
		decide_set(group, step);
	else
		decide_clear(group, step);
}

static void refuse_kernel(struct engine_op *op, int error)
{
	if (error == -ENOSPC)
		fault_set(refuse(op), FAULT_RESOURCE_EXHAUSTED, FAULT_REASON_TABLE_FULL, NULL,
			  "no room for another mark of this kind");
	else
		fault_set(refuse(op), FAULT_INTERNAL, FAULT_REASON_DATAPATH, NULL,
			  "the kernel refused the mark: %s", strerror(-error));
}

static void program(struct group *group)
{
	if (group->n_changes > 0)
		datapath_apply(group->datapath, group->changes, group->n_changes);
	for (size_t i = 0; i < group->n_steps; i++) {
		struct step *step = &group->steps[i];

		if (step->change && step->change->error < 0)
			refuse_kernel(step->op, step->change->error);
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
				  .reason = REMOVAL_CLEARED,
				  .counters = step->change->counters};

	memcpy(removal.owner, mark->owner, sizeof(removal.owner));
	return store_remove(group->store, &removal, supersedes);
}

static int record(struct group *group, struct step *step, uint64_t revision)
{
	struct engine_op *op = step->op;
	uint64_t supersedes = step->entry ? step->entry->revision : 0;

	op->revision = revision;
	op->mark.revision = revision;
	if (op->outcome == OUTCOME_REMOVED)
		return record_removal(group, step, supersedes);
	return store_put(group->store, &op->mark, supersedes);
}

/* Everything the group has changed becomes durable, or nothing. */
static int commit(struct group *group)
{
	uint64_t revision = store_revision(group->store);
	int r = store_begin(group->store);

	for (size_t i = 0; r == 0 && i < group->n_steps; i++)
		if (changes_store(group->steps[i].op))
			r = record(group, &group->steps[i], ++revision);
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
		struct engine_op *op = group->steps[i].op;

		if (changes_store(op))
			fault_set(refuse(op), FAULT_UNAVAILABLE, FAULT_REASON_STORE, NULL,
				  "the store cannot commit: %s", strerror(-error));
	}
}

static void publish_step(struct group *group, struct step *step)
{
	struct engine_op *op = step->op;

	if (op->outcome == OUTCOME_UPDATED)
		step->entry->revision = op->revision;
	else if (op->outcome == OUTCOME_REMOVED)
		index_remove(group->index, step->entry);
	/* Committed but not indexable: only a restart, which reads the store, mends that. */
	else if (op->outcome == OUTCOME_CREATED &&
		 index_add(group->index, &op->mark.match, op->mark.owner, step->change->slot,
			   op->revision) < 0)
		abort();
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
		op->done(op);
	}
}

void group_run(struct group *group)
{
	int r = 0;

	for (size_t i = 0; i < group->n_steps; i++)
		decide(group, &group->steps[i]);
	program(group);
	r = commit(group);
	if (r < 0)
		fail_group(group, r);
	else
		publish(group);
	complete(group);
}
