/* SPDX-License-Identifier: Apache-2.0 */
#include "core/lifetime.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/step.h"

static int64_t read_clock(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

int64_t lifetime_now(void)
{
	return read_clock(CLOCK_BOOTTIME);
}

int64_t lifetime_wall(void)
{
	return read_clock(CLOCK_REALTIME);
}

bool lifetime_over(const struct index_entry *entry, int64_t now)
{
	return entry && entry->lease && entry->lease->deadline <= now;
}

static struct lease *current(const struct step *step)
{
	return step->entry ? step->entry->lease : NULL;
}

bool lifetime_differs(const struct step *step)
{
	const struct mark *mark = &step->op->mark;

	return mark->lifetime != step->old.lifetime || mark->ttl != step->old.ttl;
}

static int refuse(struct step *step, int error)
{
	if (error == -ENOSPC)
		fault_set(step_refuse(step), FAULT_RESOURCE_EXHAUSTED, FAULT_REASON_TABLE_FULL,
			  NULL, "no room for another lifetime");
	else
		fault_set(step_refuse(step), FAULT_RESOURCE_EXHAUSTED, FAULT_REASON_MEMORY,
			  NULL, "the agent is out of memory");
	step->op->fault.subject = error == -ENOSPC ? "lifetimes" : "memory";
	return -EINVAL;
}

static int make_lease(struct group *group, struct step *step)
{
	struct lease *lease = calloc(1, sizeof(*lease));
	int r = lease ? datapath_lease_take(group->datapath, &lease->index) : -ENOMEM;

	if (r < 0) {
		free(lease);
		return refuse(step, r);
	}
	lease->id = ++group->last_lease;
	step->made = step->lease = lease;
	return 0;
}

int lifetime_decide(struct group *group, struct step *step)
{
	struct mark *mark = &step->op->mark;

	if (mark->lifetime != MARK_TTL)
		return 0;
	step->lease = current(step);
	if (!step->lease && make_lease(group, step) < 0)
		return -EINVAL;
	step->ttl = mark->ttl;
	step->deadline = group->now + (int64_t)mark->ttl;
	mark->lease = step->lease->id;
	datapath_lease_set(group->datapath, step->lease->index, step->deadline);
	return 0;
}

void lifetime_undo(struct group *group, struct step *step)
{
	if (step->made) {
		datapath_lease_put(group->datapath, step->made->index);
		free(step->made);
		step->made = NULL;
	} else if (step->lease) {
		datapath_lease_set(group->datapath, step->lease->index, step->lease->deadline);
	}
	step->lease = NULL;
}

bool lifetime_renews(const struct step *step)
{
	return step->lease && step->op->outcome == OUTCOME_UNCHANGED;
}

static int record_lease(struct group *group, const struct step *step)
{
	struct store_lease lease = {.id = step->lease->id,
				    .is_private = true,
				    .ttl = step->ttl,
				    .boottime = step->deadline,
				    .wall = group->wall + (int64_t)step->ttl};

	memcpy(lease.boot_id, group->boot_id, sizeof(lease.boot_id));
	memcpy(lease.owner, step->op->mark.owner, sizeof(lease.owner));
	return store_put_lease(group->store, &lease);
}

int lifetime_record(struct group *group, const struct step *step)
{
	const struct lease *before = current(step);

	if (step->lease)
		return record_lease(group, step);
	return before ? store_remove_lease(group->store, before->id) : 0;
}

static void free_lease(struct group *group, struct lease *lease)
{
	datapath_lease_put(group->datapath, lease->index);
	lease_queue_remove(group->leases, lease);
	free(lease);
}

void lifetime_publish(struct group *group, struct step *step, struct index_entry *entry)
{
	struct lease *before = entry->lease, *lease = step->lease;

	if (step->made) {
		lease->deadline = step->deadline;
		/* Committed but not to be remembered: as in publish_step(). */
		if (lease_queue_add(group->leases, lease) < 0)
			abort();
		step->made = NULL;
	} else if (lease) {
		lease_queue_renew(group->leases, lease, step->deadline);
	}
	if (lease)
		lease->ttl = step->ttl;
	index_set_lease(entry, lease);
	if (before && before != lease)
		free_lease(group, before);
}

void lifetime_end(struct group *group, struct index_entry *entry)
{
	struct lease *lease = entry->lease;

	index_set_lease(entry, NULL);
	if (lease)
		free_lease(group, lease);
}
