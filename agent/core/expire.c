/* SPDX-License-Identifier: Apache-2.0 */
#include "core/expire.h"

#include <errno.h>

#include "core/group.h"
#include "core/lifetime.h"

/* Dead marks that are removed at a time, between other work. */
enum { EXPIRE_MAX = 1000 };

/* The marks of one lease that is over; with the last of them a shared one goes too. */
static int end_one(struct group *group, struct lease *lease)
{
	const size_t refused = group->n_refused;
	struct index_entry *entry = lease->marks;

	for (; entry && group->n_steps < EXPIRE_MAX; entry = entry->next)
		(void)decide_removal(group, NULL, entry, REMOVAL_EXPIRED);
	if (!lease->is_shared || entry)
		return 0;
	group_program(group);
	return group->n_refused == refused ? lease_end(group, (struct shared_lease *)lease) : 0;
}

int expire_chunk(struct group *group)
{
	const struct lease_queue *leases = group->leases;
	int r = 0, error;

	group_begin(group);
	/* The deadline that comes first stands first; others that are over are not far. */
	for (size_t i = 0; r == 0 && i < leases->n && i < EXPIRE_MAX; i++)
		if (lifetime_over(leases->heap[i], group->now))
			r = end_one(group, leases->heap[i]);
	error = group_run(group);
	if (r == 0)
		r = error;
	return r == 0 && group->n_refused > 0 ? -EIO : r;
}
