/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A group's end: its answers, and what readers see from now on.
 */
#include <stdlib.h>

#include "core/group.h"
#include "core/lifetime.h"
#include "store/store.h"

/* ---- answers ---- */

static void count(const struct step *step)
{
	struct engine_op *op = step->op;
	uint64_t *const counts[] = {
		[OUTCOME_NONE] = &op->failed,	  [OUTCOME_CREATED] = &op->created,
		[OUTCOME_UPDATED] = &op->updated, [OUTCOME_UNCHANGED] = &op->unchanged,
		[OUTCOME_REMOVED] = &op->removed, [OUTCOME_ABSENT] = &op->absent,
	};

	++*counts[step->outcome];
	if (step->revision > op->revision)
		op->revision = step->revision;
	if (step->revision && (op->first_revision == 0 || step->revision < op->first_revision))
		op->first_revision = step->revision;
}

static void describe(struct group *group, const struct step *step)
{
	struct engine_update *update = step->update;
	const struct state *there = step->outcome == OUTCOME_REMOVED ? &step->was : &step->is;

	update->outcome = step->outcome;
	update->revision =
		step->outcome == OUTCOME_UNCHANGED ? step->is.revision : step->revision;
	update->create_time = there->create_time;
	update->deadline = there->lease ? there->lease->next_deadline : 0;
	update->counters = step->counters;
	if (step->op->counted && step->outcome != OUTCOME_REMOVED && step->was.exists &&
	    step->is.slot)
		update->counters = datapath_counters(group->datapath, step->is.slot);
	if (update->verb == UPDATE_SET)
		update->lease = there->lease ? there->lease->id : 0;
}

void step_report(struct group *group, const struct step *step)
{
	if (!step->op || step->answered)
		return;
	count(step);
	if (!step->update)
		return;
	if (step->outcome == OUTCOME_NONE)
		step->update->outcome = OUTCOME_NONE;
	else
		describe(group, step);
}

/* ---- readers ---- */

/* Committed but not indexable, for want of memory: only a restart, which reads the store, mends
 * that. */
static struct index_entry *add_entry(struct group *group, struct step *step)
{
	struct index_entry *entry = step->added;

	entry->slot = step->is.slot;
	if (index_add(group->index, entry) < 0)
		abort();
	step->added = NULL;
	return entry;
}

static struct index_entry *entry_of(struct group *group, const struct step *step)
{
	return step->before ? index_find_hashed(group->index, step->match, step->hash)
			    : step->entry;
}

static void publish_step(struct group *group, struct step *step)
{
	struct index_owner *owner = NULL;
	struct index_entry *entry;

	if (step->outcome == OUTCOME_REMOVED) {
		entry = entry_of(group, step);
		owner = entry->owner;
		lifetime_end(group, entry);
		index_remove(group->index, entry);
	} else {
		entry = step->outcome == OUTCOME_CREATED ? add_entry(group, step)
							 : entry_of(group, step);
		owner = entry->owner;
		entry->slot = step->is.slot;
		entry->action = step->is.action;
		entry->create_time = step->is.create_time;
		if (step->is.setter)
			entry->cookie = index_cookie_hash(step->is.setter->cookie);
		entry->revision = step->is.revision;
		lifetime_publish(group, step, entry);
	}
	if (step->revision > owner->changed)
		owner->changed = step->revision;
}

static void publish_lease(struct group *group, const struct lease_change *change)
{
	struct shared_lease *shared = change->lease;
	struct lease *lease = &shared->lease;

	lease->deadline = lease->next_deadline;
	lease->ttl = lease->next_ttl;
	switch (change->verb) {
	case LEASE_GRANT:
		/* group_commit() has made room in the queue; the index is as in add_entry(). */
		if (index_add_lease(group->index, shared) < 0 ||
		    lease_queue_add(group->leases, lease) < 0)
			abort();
		break;
	case LEASE_RENEW:
		lease_queue_renew(group->leases, lease, lease->deadline);
		break;
	case LEASE_END:
		index_remove_lease(group->index, shared);
		lifetime_free(group, lease);
		break;
	}
}

static void prefetch_step(const struct group *group, size_t i)
{
	const struct step *step;

	if (i >= group->n_steps)
		return;
	step = group_step(group, i);
	match_table_prefetch(&group->index->entries, step->hash);
	if (step->entry)
		__builtin_prefetch(&step->entry->action);
}

void group_publish(struct group *group)
{
	pthread_rwlock_wrlock(group->lock);
	for (size_t i = 0; i < group->n_steps; i++) {
		struct step *step = group_visit(group, i);

		prefetch_step(group, i + GROUP_AHEAD);
		if (step->first)
			publish_step(group, step);
	}
	for (size_t i = 0; i < group->n_lease_changes; i++)
		publish_lease(group, &group->lease_changes[i]);
	for (struct index_owner *owner = group->touched; owner; owner = owner->touched)
		owner->account.election_id = owner->next.election_id;
	group->index->revision = store_revision(group->store);
	pthread_rwlock_unlock(group->lock);
}
