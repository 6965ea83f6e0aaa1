/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "cleanup.h"
#include "core/group.h"
#include "core/index.h"
#include "datapath/datapath.h"
#include "store/store.h"

struct engine {
	pthread_rwlock_t lock; /* of the index; only the writer takes it for writing */
	struct index index;

	pthread_t writer;
	struct group group; /* the writer's own but for its pointers, which never change */

	pthread_mutex_t queue_lock; /* of what follows */
	pthread_cond_t queue_filled;
	struct engine_op *first, **last;
	bool stopping;
};

/* ---- the writer's thread ---- */

/* Everything queued, waiting for something; NULL once the engine stops and nothing is left. */
static struct engine_op *take_queue(struct engine *engine)
{
	struct engine_op *ops;

	pthread_mutex_lock(&engine->queue_lock);
	while (!engine->first && !engine->stopping)
		pthread_cond_wait(&engine->queue_filled, &engine->queue_lock);
	ops = engine->first;
	engine->first = NULL;
	engine->last = &engine->first;
	pthread_mutex_unlock(&engine->queue_lock);
	return ops;
}

static void *write_groups(void *argument)
{
	struct engine *engine = argument;
	struct engine_op *ops;

	pthread_setname_np(pthread_self(), "writer");
	while ((ops = take_queue(engine)))
		while (ops) {
			ops = group_take(&engine->group, ops);
			group_run(&engine->group);
		}
	return NULL;
}

/* ---- life ---- */

static void free_parts(struct engine *engine)
{
	group_done(&engine->group);
	index_done(&engine->index);
	pthread_rwlock_destroy(&engine->lock);
	pthread_cond_destroy(&engine->queue_filled);
	pthread_mutex_destroy(&engine->queue_lock);
	free(engine);
}

int engine_new(struct datapath *datapath, struct store *store, struct engine **ret)
{
	struct engine *engine = calloc(1, sizeof(*engine));
	int r = 0;

	if (!engine)
		return -ENOMEM;
	engine->group = (struct group){.datapath = datapath,
				       .store = store,
				       .index = &engine->index,
				       .lock = &engine->lock};
	engine->last = &engine->first;
	engine->index.revision = store_revision(store);
	pthread_rwlock_init(&engine->lock, NULL);
	pthread_mutex_init(&engine->queue_lock, NULL);
	pthread_cond_init(&engine->queue_filled, NULL);
	r = group_init(&engine->group);
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

/* ---- readers ---- */

typedef struct index_entry *find_entry(const struct index *index, const struct match *match);

/* Where the mark lives now. 0 or -ENOENT. */
static int locate(struct engine *engine, find_entry *find, const struct match *match,
		  uint64_t *ret_revision, struct traffic_count *ret_counters)
{
	const struct index_entry *entry;

	pthread_rwlock_rdlock(&engine->lock);
	entry = find(&engine->index, match);
	if (entry) {
		*ret_revision = entry->revision;
		*ret_counters = datapath_counters(engine->group.datapath, entry->slot);
	}
	pthread_rwlock_unlock(&engine->lock);
	return entry ? 0 : -ENOENT;
}

/* The store is a moment ahead of the index while a group is being published: a record that
 * the index names may be superseded and dropped already, and the index then says so shortly. */
static int read_mark(struct engine *engine, find_entry *find, const struct match *match,
		     struct engine_mark *ret)
{
	uint64_t revision;

	for (;;) {
		int r = locate(engine, find, match, &revision, &ret->counters);

		if (r < 0)
			return r;
		r = store_get(engine->group.store, revision, &ret->mark);
		if (r != -ENOENT)
			return r;
		sched_yield();
	}
}

int engine_get(struct engine *engine, const struct match *match, struct engine_mark *ret)
{
	return read_mark(engine, index_find, match, ret);
}

int engine_effective(struct engine *engine, const struct match *match, struct engine_mark *ret)
{
	return read_mark(engine, index_effective, match, ret);
}

struct traffic_count engine_counters(struct engine *engine, const struct match *match)
{
	struct traffic_count counters = {0, 0};
	const struct index_entry *entry;

	pthread_rwlock_rdlock(&engine->lock);
	entry = index_find(&engine->index, match);
	if (entry)
		counters = datapath_counters(engine->group.datapath, entry->slot);
	pthread_rwlock_unlock(&engine->lock);
	return counters;
}

/* What a scan takes out of the store at a time: neither a read transaction nor the lock is held
 * while `each` works. */
enum { SCAN_MARKS = 256, SCAN_RECORDS = 4096 };

struct scan_page {
	struct mark marks[SCAN_MARKS];
	size_t n;
	size_t records; /* looked at: tombstones and dead records too */
	uint64_t last; /* revision of the last one */
};

static int add_to_page(const struct store_record *record, void *user)
{
	struct scan_page *page = user;

	if (record->mark)
		page->marks[page->n++] = *record->mark;
	page->last = record->revision;
	return ++page->records == SCAN_RECORDS || page->n == SCAN_MARKS;
}

/* The living are those that the index names. */
static void keep_living(struct engine *engine, struct scan_page *page)
{
	size_t kept = 0;

	pthread_rwlock_rdlock(&engine->lock);
	for (size_t i = 0; i < page->n; i++) {
		const struct index_entry *entry =
			index_find(&engine->index, &page->marks[i].match);

		if (entry && entry->revision == page->marks[i].revision)
			page->marks[kept++] = page->marks[i];
	}
	pthread_rwlock_unlock(&engine->lock);
	page->n = kept;
}

/* A mark that changes while its page is looked at comes again further on, so only an empty page
 * is the end. */
int engine_scan(struct engine *engine, uint64_t after,
		int (*each)(const struct mark *mark, void *user), void *user)
{
	cleanup(free_bytes) struct scan_page *page = malloc(sizeof(*page));
	int r = 0;

	if (!page)
		return -ENOMEM;
	page->last = after;
	do {
		page->n = page->records = 0;
		r = store_scan(engine->group.store, page->last, add_to_page, page);
		if (r < 0)
			return r;
		keep_living(engine, page);
		r = 0;
		for (size_t i = 0; r == 0 && i < page->n; i++)
			r = each(&page->marks[i], user);
	} while (r == 0 && page->records > 0);
	return r;
}

uint64_t engine_revision(struct engine *engine)
{
	uint64_t revision;

	pthread_rwlock_rdlock(&engine->lock);
	revision = engine->index.revision;
	pthread_rwlock_unlock(&engine->lock);
	return revision;
}

void engine_state_id(struct engine *engine, uint8_t ret[static ENGINE_STATE_ID_SIZE])
{
	_Static_assert(ENGINE_STATE_ID_SIZE == STORE_STATE_ID_SIZE, "one id, two names");
	store_state_id(engine->group.store, ret);
}

uint64_t engine_owner_marks(struct engine *engine, const char *owner)
{
	uint64_t marks;

	pthread_rwlock_rdlock(&engine->lock);
	marks = index_owner_marks(&engine->index, owner);
	pthread_rwlock_unlock(&engine->lock);
	return marks;
}
