/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's readers: any thread, never in the writer's way for longer than a look-up.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "core/engine_state.h"
#include "core/lifetime.h"
#include "datapath/datapath.h"
#include "store/store.h"

bool engine_is_started(const struct engine *engine)
{
	return engine->is_started;
}

typedef struct index_entry *find_entry(const struct index *index, const struct match *match);

static struct index_entry *find_effective(const struct index *index, const struct match *match)
{
	return index_effective(index, match, lifetime_now());
}

static void read_volatile(struct engine *engine, const struct index_entry *entry,
			  struct traffic_count *ret_counters, int64_t *ret_deadline)
{
	*ret_counters = datapath_counters(engine->group.datapath, entry->slot);
	*ret_deadline = entry->lease ? entry->lease->deadline : 0;
}

/* Where the mark lives now. 0 or -ENOENT. */
static int locate(struct engine *engine, find_entry *find, const struct match *match,
		  uint64_t *ret_revision, struct engine_mark *ret)
{
	const struct index_entry *entry;

	pthread_rwlock_rdlock(&engine->lock);
	entry = find(&engine->index, match);
	if (entry) {
		*ret_revision = entry->revision;
		read_volatile(engine, entry, &ret->counters, &ret->deadline);
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
		int r = locate(engine, find, match, &revision, ret);

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
	return read_mark(engine, find_effective, match, ret);
}

/* What a scan takes out of the store at a time: neither a read transaction nor the lock is held
 * while `each` works. */
enum { SCAN_MARKS = 128, SCAN_RECORDS = 4096 };

struct scan_page {
	struct engine_mark found[SCAN_MARKS];
	bool lives[SCAN_MARKS];
	size_t n;
	size_t records; /* looked at: tombstones and dead records too */
	uint64_t last; /* revision of the last one */
};

static int add_to_page(const struct store_record *record, void *user)
{
	struct scan_page *page = user;

	if (record->mark)
		mark_copy(&page->found[page->n++].mark, record->mark);
	page->last = record->revision;
	return ++page->records == SCAN_RECORDS || page->n == SCAN_MARKS;
}

/* The living are those that the index names. */
static void find_living(struct engine *engine, struct scan_page *page)
{
	struct index_entry *entries[SCAN_MARKS];

	pthread_rwlock_rdlock(&engine->lock);
	index_find_many(&engine->index, &page->found->mark.match, sizeof(*page->found), page->n,
			entries);
	for (size_t i = 0; i < page->n; i++) {
		struct engine_mark *found = &page->found[i];

		page->lives[i] = entries[i] && entries[i]->revision == found->mark.revision;
		if (page->lives[i])
			read_volatile(engine, entries[i], &found->counters, &found->deadline);
	}
	pthread_rwlock_unlock(&engine->lock);
}

/* A mark that changes while its page is looked at comes again further on, so only an empty page
 * is the end. */
int engine_scan(struct engine *engine, uint64_t after,
		int (*each)(const struct engine_mark *found, void *user), void *user)
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
		find_living(engine, page);
		r = 0;
		for (size_t i = 0; r == 0 && i < page->n; i++)
			if (page->lives[i])
				r = each(&page->found[i], user);
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

uint64_t engine_repairs(struct engine *engine)
{
	return atomic_load(&engine->audit.repairs);
}

uint64_t engine_compact_revision(struct engine *engine)
{
	return store_compact_revision(engine->group.store);
}

struct engine_owner engine_owner(struct engine *engine, const char *name)
{
	struct engine_owner found = {.marks = 0};
	const struct index_owner *owner;

	pthread_rwlock_rdlock(&engine->lock);
	owner = index_find_owner(&engine->index, name);
	if (owner)
		found = (struct engine_owner){.marks = owner->account.marks,
					      .leases = owner->account.leases,
					      .election_id = owner->account.election_id};
	pthread_rwlock_unlock(&engine->lock);
	return found;
}

/* The first one behind this id: ids rise in the order of the list. */
static const struct shared_lease *first_lease(const struct index *index, uint64_t after)
{
	const struct shared_lease *lease = index_find_lease(index, after);

	if (lease)
		return lease->hh.next;
	for (lease = index->leases; lease && lease->lease.id <= after; lease = lease->hh.next)
		;
	return lease;
}

int engine_leases(struct engine *engine, uint64_t after,
		  int (*each)(const struct engine_lease *lease, void *user), void *user)
{
	const struct shared_lease *lease;
	int r = 0;

	pthread_rwlock_rdlock(&engine->lock);
	for (lease = first_lease(&engine->index, after); r == 0 && lease;
	     lease = lease->hh.next) {
		struct engine_lease found = {.id = lease->lease.id,
					     .ttl = lease->lease.ttl,
					     .deadline = lease->lease.deadline,
					     .marks = lease->n_marks};

		memcpy(found.owner, lease->owner->name, strlen(lease->owner->name) + 1);
		r = each(&found, user);
	}
	pthread_rwlock_unlock(&engine->lock);
	return r;
}

uint64_t engine_lease_count(struct engine *engine)
{
	uint64_t n;

	pthread_rwlock_rdlock(&engine->lock);
	n = HASH_COUNT(engine->index.leases);
	pthread_rwlock_unlock(&engine->lock);
	return n;
}
