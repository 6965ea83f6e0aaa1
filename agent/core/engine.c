/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/engine_state.h"
#include "core/expire.h"
#include "core/lifetime.h"
#include "core/restore.h"
#include "datapath/datapath.h"
#include "store/store.h"

/* ---- the writer's thread ---- */

#define SECOND INT64_C(1000000000)
#define LOOK_UP SECOND

/* After a removal that failed the writer leaves dead marks alone for so long; the kernel does
 * not mark with them anyway. */
#define EXPIRE_PAUSE SECOND

/* How often it is seen whether a store that failed can commit again. */
#define STORE_PROBE SECOND

/* The kernel's deadlines count in jiffies, which drift against the clock by some ppm. */
#define CLOCK_SYNC (60 * SECOND)

/* Tells the agent when the store falls ill and when it recovers. */
static void note_store(struct engine *engine, int error, bool committed)
{
	const struct engine_options *options = &engine->options;
	bool was_ill = engine->store_probe != 0;

	if (error < 0)
		engine->store_probe = lifetime_now() + STORE_PROBE;
	else if (committed)
		engine->store_probe = 0;
	if (was_ill != (engine->store_probe != 0) && options->store_failed)
		options->store_failed(error, options->user);
}

static void note_group(struct engine *engine)
{
	const struct engine_options *options = &engine->options;

	note_store(engine, engine->group.store_error, engine->group.committed);
	if (engine->group.committed && options->published)
		options->published(engine->index.revision, options->user);
}

static bool has_dead(const struct engine *engine)
{
	const struct lease *lease = lease_queue_first(&engine->leases);
	int64_t now = lifetime_now();

	return lease && lease->deadline <= now && now >= engine->expire_after;
}

static void bury_dead(struct engine *engine)
{
	int r;

	if (!has_dead(engine))
		return;
	r = expire_chunk(&engine->group);
	note_group(engine);
	if (r < 0)
		engine->expire_after = lifetime_now() + EXPIRE_PAUSE;
}

static void run_queue(struct engine *engine, struct engine_op *ops)
{
	while (ops) {
		group_begin(&engine->group);
		ops = group_take(&engine->group, ops);
		(void)group_run(&engine->group);
		note_group(engine);
		bury_dead(engine);
	}
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* When the writer has something to do of its own. */
static int64_t next_duty(const struct engine *engine)
{
	const struct lease *lease = lease_queue_first(&engine->leases);
	int64_t next = lease ? lease->deadline : INT64_MAX;

	if (lease && next < engine->expire_after)
		next = engine->expire_after;
	next = earlier(next, engine->clock_sync);
	if (engine->audit.interval > 0)
		next = earlier(next, engine->audit.next);
	return engine->store_probe ? earlier(next, engine->store_probe) : next;
}

/* Can an empty transaction be committed? */
static void probe_store(struct engine *engine)
{
	int r;

	if (engine->store_probe == 0 || lifetime_now() < engine->store_probe)
		return;
	r = store_begin(engine->group.store);
	if (r == 0)
		r = store_commit(engine->group.store);
	note_store(engine, r, r == 0);
}

static void sync_clock(struct engine *engine)
{
	if (lifetime_now() < engine->clock_sync)
		return;
	(void)datapath_clock_sync(engine->group.datapath);
	engine->clock_sync = lifetime_now() + CLOCK_SYNC;
}

static void run_audit(struct engine *engine)
{
	uint64_t repairs = 0;

	if (engine->audit.interval > 0 && lifetime_now() >= engine->audit.next)
		repairs = audit_slice(&engine->audit, &engine->group);
	if (repairs > 0 && engine->options.repaired)
		engine->options.repaired(repairs, engine->options.user);
}

static void do_duties(struct engine *engine)
{
	bury_dead(engine);
	probe_store(engine);
	sync_clock(engine);
	run_audit(engine);
}

/* Waits for an operation, for the end or until the next duty. CLOCK_MONOTONIC, which conditions
 * know, stands still in suspend: the writer looks up once a second. */
static void wait_queue(struct engine *engine, int64_t duty)
{
	int64_t left = duty - lifetime_now();
	struct timespec until;

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
	restore_free(engine->restoration);
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
	engine->options = *options;
	engine->clock_sync = lifetime_now() + CLOCK_SYNC;
	engine->last = &engine->first;
	pthread_rwlock_init(&engine->lock, NULL);
	pthread_mutex_init(&engine->queue_lock, NULL);
	pthread_cond_init(&engine->queue_filled, NULL);
}

int engine_new(const struct engine_options *options, struct engine **ret)
{
	struct engine *engine = calloc(1, sizeof(*engine));
	int r;

	if (!engine)
		return -ENOMEM;
	set_up(engine, options);
	r = group_init(&engine->group);
	if (r == 0)
		r = restore_index(&engine->group, &engine->restoration);
	if (r < 0)
		free_parts(engine);
	else
		*ret = engine;
	return r;
}

int engine_start(struct engine *engine, struct engine_restored *ret_restored)
{
	int r = restore_maps(engine->restoration, ret_restored);

	restore_free(engine->restoration);
	engine->restoration = NULL;
	if (r == 0)
		r = -pthread_create(&engine->writer, NULL, write_groups, engine);
	engine->is_started = r == 0;
	return r;
}

static void stop_writer(struct engine *engine)
{
	pthread_mutex_lock(&engine->queue_lock);
	engine->stopping = true;
	pthread_cond_signal(&engine->queue_filled);
	pthread_mutex_unlock(&engine->queue_lock);
	pthread_join(engine->writer, NULL);
}

void engine_free(struct engine *engine)
{
	if (!engine)
		return;
	if (engine->is_started)
		stop_writer(engine);
	free_parts(engine);
}

/* On the caller's thread: the writer has enough to do. */
static void hash_matches(struct engine_op *op)
{
	for (size_t i = 0; i < op->n_updates; i++)
		op->updates[i].hash = match_hash(&op->updates[i].match);
}

void engine_submit(struct engine *engine, struct engine_op *op)
{
	op->next = NULL;
	hash_matches(op);
	pthread_mutex_lock(&engine->queue_lock);
	*engine->last = op;
	engine->last = &op->next;
	pthread_cond_signal(&engine->queue_filled);
	pthread_mutex_unlock(&engine->queue_lock);
}
