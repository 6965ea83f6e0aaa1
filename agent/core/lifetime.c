/* SPDX-License-Identifier: Apache-2.0 */
#include "core/lifetime.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/group.h"
#include "now.h"
#include "store/store.h"

int64_t lifetime_now(void)
{
	return now_on(CLOCK_BOOTTIME);
}

int64_t lifetime_wall(void)
{
	return now_on(CLOCK_REALTIME);
}

bool lifetime_over(const struct lease *lease, int64_t now)
{
	return lease && lease->next_deadline <= now;
}

static bool is_private(const struct lease *lease)
{
	return lease && !lease->is_shared;
}

/* ---- deciding ---- */

static int refuse(struct step *step, int error)
{
	struct fault *fault = engine_update_refuse(step->update);

	if (error == -ENOSPC)
		fault_set(fault, FAULT_RESOURCE_EXHAUSTED, FAULT_REASON_TABLE_FULL, NULL,
			  "no room for another lifetime");
	else
		fault_set(fault, FAULT_RESOURCE_EXHAUSTED, FAULT_REASON_MEMORY, NULL,
			  "the agent is out of memory");
	fault->subject = error == -ENOSPC ? "lifetimes" : "memory";
	return -EINVAL;
}

static int make_lease(struct group *group, struct step *step)
{
	struct lease *lease = calloc(1, sizeof(*lease));
	int r = lease ? 0 : -ENOMEM;

	if (r == 0 && !group->simulating)
		r = datapath_lease_take(group->datapath, &lease->index);
	if (r < 0) {
		free(lease);
		return refuse(step, r);
	}
	lease->id = group->simulating ? 0 : ++group->last_lease;
	step->made = step->is.lease = lease;
	return 0;
}

int lifetime_attach(struct group *group, struct step *step)
{
	const struct engine_update *update = step->update;
	struct shared_lease *lease;

	if (update->lifetime != MARK_LEASE)
		return 0;
	lease = index_find_lease(group->index, update->lease);
	if (!lease || lifetime_over(&lease->lease, group->now))
		return fault_set(engine_update_refuse(step->update), FAULT_NOT_FOUND,
				 FAULT_REASON_LEASE, "lease_id", "no lease %" PRIu64,
				 update->lease);
	if (lease->owner != step->is.owner)
		return fault_set(engine_update_refuse(step->update), FAULT_PERMISSION_DENIED,
				 FAULT_REASON_NOT_OWNER, "lease_id",
				 "lease %" PRIu64 " belongs to %s, not to %s", update->lease,
				 lease->owner->name, step->is.owner->name);
	step->is.lease = &lease->lease;
	return 0;
}

int lifetime_decide(struct group *group, struct step *step)
{
	struct lease *lease;

	if (step->update->lifetime != MARK_TTL)
		return 0;
	if (is_private(step->was.lease))
		step->is.lease = step->was.lease;
	else if (make_lease(group, step) < 0)
		return -EINVAL;
	lease = step->is.lease;
	step->renews = true;
	step->old_deadline = lease->next_deadline;
	step->old_ttl = lease->next_ttl;
	lease->next_ttl = step->update->ttl;
	lease->next_deadline = group->now + (int64_t)step->update->ttl;
	return 0;
}

void lifetime_program(struct group *group, const struct step *step)
{
	if (step->renews)
		datapath_lease_set(group->datapath, step->is.lease->index,
				   step->is.lease->next_deadline);
}

void lifetime_undo(struct group *group, struct step *step, bool lost)
{
	struct lease *lease = step->is.lease;

	if (step->made) {
		if (!group->simulating && !lost)
			datapath_lease_put(group->datapath, lease->index);
		free(lease);
		step->is.lease = step->made = NULL;
	} else if (step->renews) {
		lease->next_deadline = step->old_deadline;
		lease->next_ttl = step->old_ttl;
		if (!group->simulating)
			datapath_lease_set(group->datapath, lease->index, step->old_deadline);
	}
	step->renews = false;
}

/* ---- recording ---- */

void lifetime_stored(const struct group *group, const struct lease *lease, const char *owner,
		     struct store_lease *ret)
{
	*ret = (struct store_lease){.id = lease->id,
				    .is_private = !lease->is_shared,
				    .ttl = lease->next_ttl,
				    .boottime = lease->next_deadline,
				    .wall = group->wall + (lease->next_deadline - group->now)};
	memcpy(ret->boot_id, group->boot_id, sizeof(ret->boot_id));
	memcpy(ret->owner, owner, strlen(owner) + 1);
}

int lifetime_record(struct group *group, const struct step *step)
{
	const struct lease *before = step->was.lease;
	struct store_lease stored;
	int r = 0;

	if (step->renews) {
		lifetime_stored(group, step->is.lease, step->is.owner->name, &stored);
		r = store_put_lease(group->store, &stored);
	}
	if (r == 0 && is_private(before) && before != step->is.lease)
		r = store_remove_lease(group->store, before->id);
	return r;
}

/* ---- publishing ---- */

void lifetime_free(struct group *group, struct lease *lease)
{
	datapath_lease_put(group->datapath, lease->index);
	lease_queue_remove(group->leases, lease);
	free(lease);
}

void lifetime_publish(struct group *group, struct step *step, struct index_entry *entry)
{
	struct lease *before = entry->lease, *lease = step->is.lease;

	if (step->renews) {
		lease->ttl = lease->next_ttl;
		lease->deadline = lease->next_deadline;
	}
	/* group_commit() has made room. */
	if (step->made)
		(void)lease_queue_add(group->leases, lease);
	else if (step->renews)
		lease_queue_renew(group->leases, lease, lease->next_deadline);
	step->made = NULL;
	index_set_lease(entry, lease);
	if (is_private(before) && before != lease)
		lifetime_free(group, before);
}

void lifetime_end(struct group *group, struct index_entry *entry)
{
	struct lease *lease = entry->lease;

	index_set_lease(entry, NULL);
	if (is_private(lease))
		lifetime_free(group, lease);
}
