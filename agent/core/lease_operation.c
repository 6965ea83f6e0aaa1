/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared leases: granted, renewed, revoked, ended.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/group.h"
#include "core/lifetime.h"
#include "datapath/datapath.h"

/* The lease as it is now, for the answer. */
static void describe(const struct shared_lease *lease, struct engine_lease *ret)
{
	*ret = (struct engine_lease){.id = lease->lease.id,
				     .ttl = lease->lease.next_ttl,
				     .deadline = lease->lease.next_deadline,
				     .marks = lease->n_marks};
	memcpy(ret->owner, lease->owner->name, strlen(lease->owner->name) + 1);
}

/* ---- grant ---- */

static int check_quota(struct group *group, struct engine_op *op, struct index_owner *owner)
{
	uint64_t leases = group_account(group, owner)->leases;

	if (op->lease_quota == 0 || leases < op->lease_quota)
		return 0;
	fault_set(&op->fault, FAULT_RESOURCE_EXHAUSTED, FAULT_REASON_QUOTA, NULL,
		  "%s has %" PRIu64 " leases and may have %" PRIu64, owner->name, leases,
		  op->lease_quota);
	op->fault.subject = "leases of an owner";
	return -EINVAL;
}

static int take_deadline(struct group *group, struct shared_lease *lease)
{
	int r = datapath_lease_take(group->datapath, &lease->lease.index);

	if (r < 0)
		return r;
	r = group_add_lease_change(group, LEASE_GRANT, lease);
	if (r < 0)
		datapath_lease_put(group->datapath, lease->lease.index);
	return r;
}

static void refuse_grant(struct engine_op *op, int error)
{
	fault_set(&op->fault, FAULT_RESOURCE_EXHAUSTED,
		  error == -ENOSPC ? FAULT_REASON_TABLE_FULL : FAULT_REASON_MEMORY, NULL,
		  error == -ENOSPC ? "no room for another lifetime"
				   : "the agent is out of memory");
	op->fault.subject = error == -ENOSPC ? "lifetimes" : "memory";
}

void lease_grant(struct group *group, struct engine_op *op, struct index_owner *owner)
{
	struct shared_lease *lease;
	int r = 0;

	if (check_quota(group, op, owner) < 0)
		return;
	lease = calloc(1, sizeof(*lease));
	if (!lease) {
		refuse_grant(op, -ENOMEM);
		return;
	}
	lease->owner = owner;
	lease->lease.is_shared = true;
	lease->lease.next_ttl = op->ttl;
	lease->lease.next_deadline = group->now + (int64_t)op->ttl;
	if (!op->validate_only)
		r = take_deadline(group, lease);
	if (r < 0)
		refuse_grant(op, r);
	if (r == 0 && !op->validate_only) {
		lease->lease.id = ++group->last_lease;
		datapath_lease_set(group->datapath, lease->lease.index,
				   lease->lease.next_deadline);
		group_account(group, owner)->leases++;
	}
	describe(lease, &op->granted);
	if (r < 0 || op->validate_only)
		free(lease);
}

/* ---- renew ---- */

/* 0; -EINVAL and the operation refused. */
static int check_owner(struct engine_op *op, const struct shared_lease *lease,
		       const struct index_owner *owner)
{
	if (lease->owner == owner || op->is_admin)
		return 0;
	return fault_set(&op->fault, FAULT_PERMISSION_DENIED, FAULT_REASON_NOT_OWNER,
			 "lease_id", "lease %" PRIu64 " belongs to %s, not to %s", op->lease,
			 lease->owner->name, owner->name);
}

void lease_renew(struct group *group, struct engine_op *op, struct index_owner *owner)
{
	struct shared_lease *shared = index_find_lease(group->index, op->lease);
	struct lease *lease = shared ? &shared->lease : NULL;

	if (!shared || lifetime_over(lease, group->now)) {
		fault_set(&op->fault, FAULT_NOT_FOUND, FAULT_REASON_LEASE, "lease_id",
			  "no lease %" PRIu64, op->lease);
		return;
	}
	if (check_owner(op, shared, owner) < 0)
		return;
	if (!op->validate_only) {
		if (group_add_lease_change(group, LEASE_RENEW, shared) < 0) {
			refuse_grant(op, -ENOMEM);
			return;
		}
		lease->next_deadline = group->now + (int64_t)lease->next_ttl;
		datapath_lease_set(group->datapath, lease->index, lease->next_deadline);
	}
	describe(shared, &op->granted);
	if (op->validate_only)
		op->granted.deadline = group->now + (int64_t)lease->next_ttl;
}

void lease_changes_undo(struct group *group)
{
	while (group->n_lease_changes > 0) {
		struct lease_change *change = &group->lease_changes[--group->n_lease_changes];
		struct lease *lease = &change->lease->lease;

		if (change->verb == LEASE_GRANT) {
			datapath_lease_put(group->datapath, lease->index);
			free(change->lease);
		} else if (change->verb == LEASE_RENEW) {
			lease->next_deadline = change->old_deadline;
			datapath_lease_set(group->datapath, lease->index, change->old_deadline);
		}
	}
}

/* ---- revoke and end ---- */

int lease_end(struct group *group, struct shared_lease *lease)
{
	int r = group_add_lease_change(group, LEASE_END, lease);

	if (r == 0)
		group_account(group, lease->owner)->leases--;
	return r;
}

static void revoke_marks(struct group *group, struct engine_op *op, const struct lease *lease)
{
	for (struct index_entry *entry = lease->marks; entry; entry = entry->next)
		if (decide_removal(group, op, entry, REMOVAL_REVOKED) < 0)
			break;
	group_program(group);
}

void lease_revoke(struct group *group, struct engine_op *op, struct index_owner *owner)
{
	struct shared_lease *lease = index_find_lease(group->index, op->lease);
	const size_t first = group->n_steps;

	op->outcome = lease ? OUTCOME_REMOVED : OUTCOME_ABSENT;
	if (!lease || check_owner(op, lease, owner) < 0)
		return;
	if (op->validate_only) {
		op->removed = lease->n_marks;
		return;
	}
	revoke_marks(group, op, &lease->lease);
	if (op->fault.code == FAULT_NONE && lease_end(group, lease) < 0)
		refuse_grant(op, -ENOMEM);
	if (op->fault.code != FAULT_NONE)
		group_drop(group, first);
}
