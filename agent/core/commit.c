/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A group's changes in one transaction of the store.
 */
#include <errno.h>
#include <string.h>

#include "core/group.h"
#include "core/lifetime.h"
#include "store/store.h"

static bool fence_moves(const struct index_owner *owner)
{
	return owner->next.election_id != owner->account.election_id;
}

static bool changes_anything(const struct group *group)
{
	if (group->n_lease_changes > 0)
		return true;
	for (const struct index_owner *owner = group->touched; owner; owner = owner->touched)
		if (fence_moves(owner))
			return true;
	for (size_t i = 0; i < group->n_steps; i++) {
		const struct step *step = group_step(group, i);

		if (step_changes(step) || step->renews)
			return true;
	}
	return false;
}

static int record_removal(struct group *group, const struct step *step)
{
	struct removal removal = {.match = *step->match,
				  .revision = step->revision,
				  .reason = step->reason,
				  .counters = step->counters};
	const char *owner = step->was.owner->name;

	memcpy(removal.owner, owner, strlen(owner) + 1);
	return store_remove(group->store, &removal, step->was.revision);
}

static int record_mark(struct group *group, const struct step *step)
{
	const struct engine_update *update = step->update;
	const char *owner = step->is.owner->name;
	struct mark mark = {.match = *step->match,
			    .action = update->action,
			    .lifetime = update->lifetime,
			    .lease = step->is.lease ? step->is.lease->id : 0,
			    .ttl = update->lifetime == MARK_TTL ? update->ttl : 0,
			    .revision = step->revision,
			    .create_time = step->is.create_time};

	memcpy(mark.cookie, update->cookie, strlen(update->cookie) + 1);
	memcpy(mark.owner, owner, strlen(owner) + 1);
	return store_put(group->store, &mark, step->was.revision);
}

static int record_step(struct group *group, struct step *step, uint64_t *revision)
{
	int r = lifetime_record(group, step);

	if (step->before)
		step->was.revision = step->before->is.revision;
	step->is.revision = step->was.revision;
	if (r < 0 || !step_changes(step))
		return r;
	step->revision = ++*revision;
	if (step->outcome == OUTCOME_REMOVED)
		return record_removal(group, step);
	step->is.revision = step->revision;
	/* What is there no more is not superseded again. */
	if (step->outcome == OUTCOME_CREATED)
		step->was.revision = 0;
	return record_mark(group, step);
}

static int record_lease(struct group *group, const struct lease_change *change)
{
	struct store_lease stored;

	if (change->verb == LEASE_END)
		return store_remove_lease(group->store, change->lease->lease.id);
	lifetime_stored(group, &change->lease->lease, change->lease->owner->name, &stored);
	return store_put_lease(group->store, &stored);
}

static int record_all(struct group *group)
{
	uint64_t revision = store_revision(group->store);
	int r = 0;

	for (size_t i = 0; r == 0 && i < group->n_steps; i++) {
		struct step *step = group_visit(group, i);

		if (step->first)
			r = record_step(group, step, &revision);
	}
	for (size_t i = 0; r == 0 && i < group->n_lease_changes; i++)
		r = record_lease(group, &group->lease_changes[i]);
	for (const struct index_owner *owner = group->touched; r == 0 && owner;
	     owner = owner->touched)
		if (fence_moves(owner))
			r = store_put_owner(group->store, owner->name, owner->next.election_id);
	return r;
}

/* What publish() needs and must not fail to get. */
static int make_room(struct group *group)
{
	return lease_queue_reserve(group->leases, group->n_steps + group->n_lease_changes);
}

int group_commit(struct group *group)
{
	int r;

	group->committed = false;
	if (!changes_anything(group))
		return 0;
	r = make_room(group);
	if (r == 0)
		r = store_begin(group->store);
	if (r < 0)
		return r;
	r = record_all(group);
	if (r == 0)
		r = store_commit(group->store);
	else
		store_abort(group->store);
	group->committed = r == 0;
	return r;
}
