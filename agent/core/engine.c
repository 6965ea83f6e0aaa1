/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/engine_state.h"
#include "core/lifetime.h"
#include "core/restore.h"
#include "datapath/datapath.h"
#include "store/store.h"

/* ---- the writer's thread ---- */

/* Marks whose deadline has passed are removed at most so many at a time, between other work. */
#define EXPIRE_MAX 1000

#define SECOND INT64_C(1000000000)
#define LOOK_UP SECOND

/* After a commit that failed the writer leaves dead marks alone for so long; the kernel does
 * not mark with them anyway. */
#define EXPIRE_PAUSE SECOND

static void forget(struct engine_op *op)
{
	free(op);
}

/* Puts the removal of a dead mark in front of the list. */
static struct engine_op *add_expiry(const struct match *match, struct engine_op *list)
{
	struct engine_op *op = calloc(1, sizeof(*op));

	if (!op)
		return list;
	op->verb = ENGINE_EXPIRE;
	op->mark.match = *match;
	op->done = forget;
	op->next = list;
	return op;
}

/* 0, or negative errno if the store could not commit. */
static int run_expiries(struct engine *engine, struct engine_op *ops)
{
	const struct match *dead;
	int r = 0;

	while (ops) {
		int error;

		ops = group_take(&engine->group, ops, &dead);
		error = group_run(&engine->group);
		if (error < 0) {
			engine->expire_after = lifetime_now() + EXPIRE_PAUSE;
			r = error;
		}
	}
	return r;
}

/* The mark in the way of the first operation is over. If it cannot be removed, the operation is
 * refused, for it must not meet a mark that is no more. Returns the rest of the list. */
static struct engine_op *clear_way(struct engine *engine, struct engine_op *ops,
				   const struct match *dead)
{
	struct engine_op *expiry = add_expiry(dead, NULL), *rest = ops->next;

	if (expiry && run_expiries(engine, expiry) == 0 &&
	    !lifetime_over(index_find(&engine->index, dead), lifetime_now()))
		return ops;
	fault_set(&ops->fault, FAULT_UNAVAILABLE, FAULT_REASON_STORE, NULL,
		  "the mark that is over cannot be removed yet");
	ops->outcome = OUTCOME_NONE;
	ops->done(ops);
	return rest;
}

/* The dead marks of the leases that are over; the deadline that comes next stays first. */
static void expire(struct engine *engine)
{
	int64_t now = lifetime_now();
	struct engine_op *ops = NULL;

	if (now < engine->expire_after)
		return;
	for (size_t n = 0; n < EXPIRE_MAX && n < engine->leases.n; n++) {
		const struct lease *lease = engine->leases.heap[n];

		if (lease->deadline <= now && lease->marks)
			ops = add_expiry(&lease->marks->match, ops);
	}
	(void)run_expiries(engine, ops);
}

static void run_queue(struct engine *engine, struct engine_op *ops)
{
	const struct match *dead;

	while (ops) {
		ops = group_take(&engine->group, ops, &dead);
		group_run(&engine->group);
		if (dead)
			ops = clear_way(engine, ops, dead);
		expire(engine);
	}
}

/* When the writer has something to do of its own; INT64_MAX: never. */
static int64_t next_duty(const struct engine *engine)
{
	const struct lease *lease = lease_queue_first(&engine->leases);
	int64_t next = engine->audit.interval > 0 ? engine->audit.next : INT64_MAX;

	if (lease && lease->deadline < next)
		next = lease->deadline;
	if (lease && next < engine->expire_after)
		next = engine->expire_after;
	return next;
}

static void do_duties(struct engine *engine)
{
	uint64_t repairs = 0;

	expire(engine);
	if (engine->audit.interval > 0 && lifetime_now() >= engine->audit.next)
		repairs = audit_slice(&engine->audit, &engine->group);
	if (repairs > 0 && engine->repaired)
		engine->repaired(repairs, engine->user);
}

/* Waits for an operation, for the end or until the next duty. CLOCK_MONOTONIC, which conditions
 * know, stands still in suspend: the writer looks up once a second where it has a duty. */
static void wait_queue(struct engine *engine, int64_t duty)
{
	int64_t left = duty - lifetime_now();
	struct timespec until;

	if (duty == INT64_MAX) {
		pthread_cond_wait(&engine->queue_filled, &engine->queue_lock);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += left < LOOK_UP ? left : LOOK_UP;
	until.tv_sec += until.tv_nsec / SECOND;
	until.tv_nsec %= SECOND;
	pthread_cond_clockwait(&engine->queue_filled, &engine->queue_lock, CLOCK_MONOTONIC,
			       &until);
}

/* Everything queued. NULL: a duty is due, or the engine stops and nothing is left. */
static struct engine_op *take_queue(struct engine *engine, bool *ret_stop)
{
	int64_t duty = next_duty(engine);
	struct engine_op *ops;

	pthread_mutex_lock(&engine->queue_lock);
	while (!engine->first && !engine->stopping && lifetime_now() < duty)
		wait_queue(engine, duty);
	ops = engine->first;
	engine->first = NULL;
	engine->last = &engine->first;
	*ret_stop = engine->stopping && !ops;
	pthread_mutex_unlock(&engine->queue_lock);
	return ops;
}

static void *write_groups(void *argument)
{
	struct engine *engine = argument;
	bool stop = false;

	pthread_setname_np(pthread_self(), "writer");
	while (!stop) {
		run_queue(engine, take_queue(engine, &stop));
		do_duties(engine);
	}
	return NULL;
}

/* ---- life ---- */

static void free_parts(struct engine *engine)
{
	group_done(&engine->group);
	index_done(&engine->index);
	lease_queue_done(&engine->leases);
	pthread_rwlock_destroy(&engine->lock);
	pthread_cond_destroy(&engine->queue_filled);
	pthread_mutex_destroy(&engine->queue_lock);
	free(engine);
}

static void set_up(struct engine *engine, const struct engine_options *options)
{
	engine->group = (struct group){.datapath = options->datapath,
				       .store = options->store,
				       .index = &engine->index,
				       .leases = &engine->leases,
				       .lock = &engine->lock};
	memcpy(engine->group.boot_id, options->boot_id, sizeof(options->boot_id));
	engine->audit.interval = options->audit_interval;
	engine->audit.next = lifetime_now() + options->audit_interval;
	engine->repaired = options->repaired;
	engine->user = options->user;
	engine->last = &engine->first;
	pthread_rwlock_init(&engine->lock, NULL);
	pthread_mutex_init(&engine->queue_lock, NULL);
	pthread_cond_init(&engine->queue_filled, NULL);
}

int engine_new(const struct engine_options *options, struct engine **ret,
	       struct engine_restored *ret_restored)
{
	struct engine *engine = calloc(1, sizeof(*engine));
	int r;

	if (!engine)
		return -ENOMEM;
	set_up(engine, options);
	r = group_init(&engine->group);
	if (r == 0)
		r = restore(&engine->group, ret_restored);
	if (r == 0)
		r = -pthread_create(&engine->writer, NULL, write_groups, engine);
	if (r < 0)
		free_parts(engine);
	else
		*ret = engine;
	return r;
}

void engine_free(struct engine *engine)
{
	if (!engine)
		return;
	pthread_mutex_lock(&engine->queue_lock);
	engine->stopping = true;
	pthread_cond_signal(&engine->queue_filled);
	pthread_mutex_unlock(&engine->queue_lock);
	pthread_join(engine->writer, NULL);
	free_parts(engine);
}

void engine_submit(struct engine *engine, struct engine_op *op)
{
	op->next = NULL;
	op->outcome = OUTCOME_NONE;
	op->fault = (struct fault){.code = FAULT_NONE};
	op->counters = (struct traffic_count){0, 0};
	pthread_mutex_lock(&engine->queue_lock);
	*engine->last = op;
	engine->last = &op->next;
	pthread_cond_signal(&engine->queue_filled);
	pthread_mutex_unlock(&engine->queue_lock);
}
