/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations that the writer carries out together: decide each in order, program the kernel,
 * commit once, publish in the index, complete. The order is the promise: what is answered
 * is programmed and committed.
 *
 * The writer's thread only.
 */
#ifndef WAYMARK_GROUP_H
#define WAYMARK_GROUP_H

#include <pthread.h>

#include "core/engine.h"

/* More would not make commits cheaper, only answers later. */
#define GROUP_MAX 1024

struct index;
struct lease_queue;
struct step;

struct group {
	/* Borrowed; set before group_init(). */
	struct datapath *datapath;
	struct store *store;
	struct index *index;
	struct lease_queue *leases;
	pthread_rwlock_t *lock; /* of both, taken for writing while they change */
	uint8_t boot_id[16];
	uint64_t last_lease; /* the highest id in use */

	int64_t now, wall; /* clocks at the group's turn */
	struct step *steps, *by_match;
	struct datapath_change *changes;
	size_t n_steps, n_changes;
};

/* 0 or -ENOMEM. */
int group_init(struct group *group);
void group_done(struct group *group);

/* Takes operations from the list until the group is full, or until one meets a match that the
 * group changes already (that one must see the result) or a mark whose deadline has passed
 * (that one must be removed first; *ret_dead then is its match, else NULL). Returns the rest of
 * the list. ENGINE_EXPIRE is taken in any case. */
struct engine_op *group_take(struct group *group, struct engine_op *ops,
			     const struct match **ret_dead);

/* Carries the group out and completes each of its operations. 0, or negative errno if the store
 * could not commit. */
int group_run(struct group *group);

#endif
