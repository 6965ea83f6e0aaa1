/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A group's changes in the kernel, and back.
 */
#include <errno.h>
#include <string.h>

#include "core/group.h"
#include "core/lifetime.h"
#include "failpoint.h"

/* ---- refusals ---- */

/* The fault of whoever asked for the step; NULL: the engine itself. */
static struct fault *fault_of(struct step *step)
{
	if (step->update)
		return engine_update_refuse(step->update);
	return step->op ? &step->op->fault : NULL;
}

/* Tables have the names of their capacities in the configuration. */
void step_refuse_full(const struct group *group, struct step *step)
{
	const struct datapath_fill fill = datapath_fill(group->datapath);
	const bool is_network = step->match->kind == MARK_NETWORK;
	const char *table = is_network ? "networks" : "marks";
	struct fault *fault = fault_of(step);

	fault_set(fault, FAULT_RESOURCE_EXHAUSTED, FAULT_REASON_TABLE_FULL, NULL,
		  "no room in the table of %s: %u of %u are taken", table,
		  is_network ? fill.networks : fill.marks,
		  is_network ? fill.networks_capacity : fill.marks_capacity);
	if (fault)
		fault->subject = table;
}

static void refuse(struct group *group, struct step *step, int error)
{
	if (error == -ENOSPC)
		step_refuse_full(group, step);
	else
		fault_set(fault_of(step), FAULT_INTERNAL, FAULT_REASON_DATAPATH, NULL,
			  "the kernel refused the mark: %s", strerrordesc_np(-error));
	if (!step->op)
		group->n_refused++;
	lifetime_undo(group, step, false);
	group_forget(group, step);
	step_report(group, step);
	step->answered = true;
}

/* ---- there ---- */

static struct datapath_change change_of(const struct step *step)
{
	return (struct datapath_change){
		.verb = step->verb,
		.match = step->match,
		.action = step->is.action,
		.lease = step->is.lease ? step->is.lease->index : 0,
		.slot = step->was.slot,
	};
}

static void take_result(struct group *group, struct step *step,
			const struct datapath_change *change)
{
	if (change->error < 0) {
		refuse(group, step, change->error);
		return;
	}
	step->in_kernel = true;
	if (step->verb == DATAPATH_INSERT)
		step->is.slot = change->slot;
	else if (step->verb == DATAPATH_REMOVE)
		step->counters = change->counters;
}

static void take_results(struct group *group, const struct change_batch *batch)
{
	for (size_t i = 0; i < batch->n; i++)
		take_result(group, batch->steps[i], &batch->changes[i]);
	FAILPOINT("inside-batch");
}

static struct change_batch *free_batch(const struct group *group)
{
	return &group->batches[group->begun == &group->batches[0]];
}

/* What was begun before is there when this has begun. */
static void begin(struct group *group, struct change_batch *batch)
{
	const struct change_batch *before = group->begun;

	if (batch->n == 0)
		return;
	FAILPOINT("before-map");
	datapath_begin(group->datapath, batch->changes, batch->n);
	group->begun = batch;
	if (before)
		take_results(group, before);
}

void group_program_on(struct group *group)
{
	struct change_batch *batch = free_batch(group);

	for (batch->n = 0; group->n_programmed < group->n_steps; group->n_programmed++) {
		struct step *step = group_step(group, group->n_programmed);

		lifetime_program(group, step);
		if (!step->has_change) {
			step->in_kernel = true;
			continue;
		}
		batch->changes[batch->n] = change_of(step);
		batch->steps[batch->n++] = step;
		if (batch->n == GROUP_CHANGES) {
			begin(group, batch);
			batch = free_batch(group);
			batch->n = 0;
		}
	}
	begin(group, batch);
}

void group_settle(struct group *group)
{
	const struct change_batch *batch = group->begun;

	if (!batch)
		return;
	datapath_finish(group->datapath);
	group->begun = NULL;
	take_results(group, batch);
}

void group_program(struct group *group)
{
	group_program_on(group);
	group_settle(group);
}

/* ---- and back ---- */

/* The match has this slot again. */
static void put_back(struct group *group, struct step *step, uint32_t slot)
{
	if (step->before) {
		step->before->is.slot = slot;
	} else if (step->entry->slot != slot) {
		pthread_rwlock_wrlock(group->lock);
		step->entry->slot = slot;
		pthread_rwlock_unlock(group->lock);
	}
}

static enum datapath_verb inverse(enum datapath_verb verb)
{
	switch (verb) {
	case DATAPATH_INSERT:
		return DATAPATH_REMOVE;
	case DATAPATH_REMOVE:
		return DATAPATH_INSERT;
	default:
		return verb;
	}
}

/* If the kernel refuses even that, an entry that it cannot take back has no slot until the mark
 * is set again or an audit puts it in, and one that it cannot remove is a stray, which the
 * audit finds too. */
void group_undo(struct group *group, struct step *step)
{
	uint32_t slot = step->is.slot;
	bool lost = false;

	if (step->in_kernel && step->has_change) {
		struct datapath_change change = {
			.verb = inverse(step->verb),
			.match = step->match,
			.action = step->was.action,
			.lease = step->was.lease ? step->was.lease->index : 0,
			.slot = step->is.slot,
			.counters = step->counters,
		};
		int r = datapath_apply(group->datapath, &change, 1);

		lost = r < 0 && step->verb == DATAPATH_INSERT;
		slot = r < 0 || step->verb == DATAPATH_INSERT ? 0 : change.slot;
	}
	lifetime_undo(group, step, lost);
	if (step->was.exists && step->in_kernel)
		put_back(group, step, slot);
}
