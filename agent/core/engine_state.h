/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine is made of, for its two halves: the writer (engine.c) and the readers
 * (engine_read.c).
 */
#ifndef WAYMARK_ENGINE_STATE_H
#define WAYMARK_ENGINE_STATE_H

#include <pthread.h>

#include "core/audit.h"
#include "core/engine.h"
#include "core/group.h"
#include "core/index.h"
#include "core/lease_queue.h"

struct engine {
	pthread_rwlock_t lock; /* of the next two; only the writer takes it for writing */
	struct index index;
	struct lease_queue leases;

	struct restoration *restoration; /* until the engine has started */
	_Atomic bool is_started; /* there is a writer: */
	pthread_t writer;
	struct group group; /* the writer's own but for its pointers, which never change */
	struct audit audit; /* the writer's own, but for `repairs` */
	int64_t expire_after; /* likewise: no removal of dead marks before, something is ill */
	int64_t clock_sync; /* likewise: when the kernel's deadlines are to be aligned */
	int64_t store_probe; /* likewise: when to see whether the store is well again; 0: it is
			      */
	struct engine_options options;

	pthread_mutex_t queue_lock; /* of what follows */
	pthread_cond_t queue_filled;
	struct engine_op *first, **last;
	bool stopping;
};

#endif
