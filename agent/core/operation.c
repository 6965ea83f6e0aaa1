/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one operation does with its updates: fence, order, all or nothing, only trying.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/group.h"

/* ---- faults of updates ---- */

/* Where there is no memory for a fault of its own. */
static struct fault no_memory;

struct fault *engine_update_refuse(struct engine_update *update)
{
	if (!update->fault)
		update->fault = calloc(1, sizeof(*update->fault));
	if (!update->fault)
		update->fault = &no_memory;
	update->outcome = OUTCOME_NONE;
	return update->fault;
}

void engine_op_done(struct engine_op *op)
{
	for (size_t i = 0; i < op->n_updates; i++) {
		if (op->updates[i].fault != &no_memory)
			free(op->updates[i].fault);
		op->updates[i].fault = NULL;
	}
}

void operation_adopt_fault(struct engine_op *op)
{
	for (size_t i = 0; i < op->n_updates; i++) {
		if (!op->updates[i].fault)
			continue;
		op->fault = *op->updates[i].fault;
		op->failed_update = i;
		return;
	}
}

/* ---- trying, and doing ---- */

static void reset_results(struct engine_op *op)
{
	op->created = op->updated = op->unchanged = 0;
	op->removed = op->absent = op->failed = 0;
	op->revision = op->first_revision = 0;
}

/* What would become of it. */
static void simulate(struct group *group, struct engine_op *op, struct index_owner *owner,
		     decide_updates *decide_all)
{
	const size_t first = group->n_steps;

	group->simulating = true;
	decide_all(group, op, owner);
	for (size_t i = first; i < group->n_steps; i++)
		step_report(group_step(group, i));
	group_drop(group, first);
	group->simulating = false;
	if (op->all_or_nothing && op->fault.code == FAULT_NONE)
		operation_adopt_fault(op);
}

/* All of them, or none. */
static void attempt_all(struct group *group, struct engine_op *op, struct index_owner *owner,
			decide_updates *decide_all)
{
	const size_t first = group->n_steps;

	reset_results(op);
	decide_all(group, op, owner);
	group_program(group);
	if (op->fault.code == FAULT_NONE)
		operation_adopt_fault(op);
	if (op->fault.code != FAULT_NONE)
		group_drop(group, first);
}

void operation_attempt(struct group *group, struct engine_op *op, struct index_owner *owner,
		       decide_updates *decide_all)
{
	/* A single update has nothing that could be half done. */
	const bool at_once =
		op->all_or_nothing && (op->n_updates > 1 || op->verb == ENGINE_REPLACE);

	if (op->validate_only || at_once) {
		group_program(group);
		simulate(group, op, owner, decide_all);
		if (op->validate_only || op->fault.code != FAULT_NONE)
			return;
	}
	if (at_once)
		attempt_all(group, op, owner, decide_all);
	else
		decide_all(group, op, owner);
}

static void apply_all(struct group *group, struct engine_op *op, struct index_owner *owner)
{
	for (size_t i = 0; i < op->n_updates; i++) {
		group_prefetch(group, op, i);
		decide_update(group, op, owner, &op->updates[i]);
	}
}

/* ---- fences ---- */

/* Is this the owner's primary? Whoever shows a higher id becomes it. */
static int check_fence(struct group *group, struct engine_op *op, struct index_owner *owner)
{
	uint64_t *stored = &group_account(group, owner)->election_id;

	if (!op->for_other && op->election_id < *stored)
		return fault_set(&op->fault, FAULT_FAILED_PRECONDITION,
				 FAULT_REASON_NOT_PRIMARY, "options.election_id",
				 "election_id %" PRIu64 ": %s has a primary with %" PRIu64,
				 op->election_id, owner->name, *stored);
	if (op->election_id && !op->validate_only)
		*stored = op->election_id;
	return 0;
}

/* ---- operations ---- */

static void begin(struct engine_op *op)
{
	reset_results(op);
	op->cancelled = false;
	op->fault = (struct fault){.code = FAULT_NONE};
	op->failed_update = 0;
	op->outcome = OUTCOME_NONE;
	op->there_deadline = 0;
	if (op->there)
		op->there->revision = 0;
}

static struct index_owner *make_owner(struct group *group, struct engine_op *op)
{
	struct index_owner *owner = index_find_owner(group->index, op->owner);

	if (owner)
		return owner;
	pthread_rwlock_wrlock(group->lock);
	owner = index_make_owner(group->index, op->owner);
	pthread_rwlock_unlock(group->lock);
	if (!owner)
		fault_set(&op->fault, FAULT_RESOURCE_EXHAUSTED, FAULT_REASON_MEMORY, NULL,
			  "the agent is out of memory");
	return owner;
}

void operation_decide(struct group *group, struct engine_op *op)
{
	struct index_owner *owner;

	begin(op);
	if (op->wanted && !op->wanted(op)) {
		op->cancelled = true;
		return;
	}
	owner = make_owner(group, op);
	if (!owner || check_fence(group, op, owner) < 0)
		return;
	switch (op->verb) {
	case ENGINE_APPLY:
		operation_attempt(group, op, owner, apply_all);
		break;
	case ENGINE_REPLACE:
		replace_decide(group, op, owner);
		break;
	case ENGINE_GRANT:
		lease_grant(group, op, owner);
		break;
	case ENGINE_RENEW:
		lease_renew(group, op, owner);
		break;
	case ENGINE_REVOKE:
		lease_revoke(group, op, owner);
		break;
	}
}
