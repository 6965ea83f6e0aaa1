/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table in memory: an array of records in the order of their revisions. A superseded
 * record leaves a gap, and the array is closed up once gaps outnumber records.
 */
#include "store/store.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "cleanup.h"

struct record {
	uint64_t revision;
	struct mark *mark; /* NULL: a gap */
};

struct change {
	struct mark *mark; /* NULL: a removal */
	uint64_t revision, supersedes;
};

struct store {
	uint8_t state_id[STORE_STATE_ID_SIZE];
	pthread_rwlock_t lock; /* of what follows, against readers */
	uint64_t revision;
	struct record *records;
	size_t n_records, n_live, max_records;
	/* The writer's transaction; nobody else looks at it. */
	struct change *changes;
	size_t n_changes, max_changes;
};

DEFINE_CLEANUP(close_store, struct store *, store_close)

int store_open(struct store **ret)
{
	cleanup(close_store) struct store *store = calloc(1, sizeof(*store));

	if (!store)
		return -ENOMEM;
	pthread_rwlock_init(&store->lock, NULL);
	if (getrandom(store->state_id, sizeof(store->state_id), 0) < 0)
		return -errno;
	*ret = take(store);
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	store_abort(store);
	for (size_t i = 0; i < store->n_records; i++)
		free(store->records[i].mark);
	free(store->records);
	free(store->changes);
	pthread_rwlock_destroy(&store->lock);
	free(store);
}

void store_state_id(const struct store *store, uint8_t ret[static STORE_STATE_ID_SIZE])
{
	memcpy(ret, store->state_id, STORE_STATE_ID_SIZE);
}

uint64_t store_revision(struct store *store)
{
	uint64_t revision;

	pthread_rwlock_rdlock(&store->lock);
	revision = store->revision;
	pthread_rwlock_unlock(&store->lock);
	return revision;
}

int store_begin(struct store *store)
{
	store_abort(store);
	return 0;
}

/* Makes room for one more of `size` octets behind n in *array. */
static int reserve(void **array, size_t *max, size_t n, size_t size)
{
	size_t wanted = n < 16 ? 16 : 2 * n;
	void *grown;

	if (n < *max)
		return 0;
	grown = reallocarray(*array, wanted, size);
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*max = wanted;
	return 0;
}

static int add_change(struct store *store, struct change change)
{
	int r = reserve((void **)&store->changes, &store->max_changes, store->n_changes,
			sizeof(change));

	if (r < 0)
		return r;
	store->changes[store->n_changes++] = change;
	return 0;
}

int store_put(struct store *store, const struct mark *mark, uint64_t supersedes)
{
	cleanup(free_bytes) struct mark *copy = malloc(sizeof(*copy));
	int r;

	if (!copy)
		return -ENOMEM;
	*copy = *mark;
	r = add_change(store, (struct change){copy, mark->revision, supersedes});
	if (r == 0)
		copy = NULL;
	return r;
}

int store_remove(struct store *store, uint64_t revision, uint64_t supersedes)
{
	return add_change(store, (struct change){NULL, revision, supersedes});
}

/* Place of the first record whose revision is at least this one. */
static size_t find(const struct store *store, uint64_t revision)
{
	size_t low = 0, high = store->n_records;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (store->records[middle].revision < revision)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct record *find_exact(const struct store *store, uint64_t revision)
{
	size_t place = find(store, revision);
	struct record *record = &store->records[place];

	if (place == store->n_records || record->revision != revision || !record->mark)
		return NULL;
	return record;
}

static void close_gaps(struct store *store)
{
	size_t kept = 0;

	for (size_t i = 0; i < store->n_records; i++)
		if (store->records[i].mark)
			store->records[kept++] = store->records[i];
	store->n_records = kept;
}

static void make_gap(struct store *store, uint64_t revision)
{
	struct record *record = find_exact(store, revision);

	if (!record)
		return;
	free(record->mark);
	record->mark = NULL;
	store->n_live--;
}

static int reserve_records(struct store *store)
{
	while (store->max_records < store->n_records + store->n_changes) {
		int r = reserve((void **)&store->records, &store->max_records,
				store->n_records + store->n_changes, sizeof(*store->records));
		if (r < 0)
			return r;
	}
	return 0;
}

int store_commit(struct store *store)
{
	int r;

	pthread_rwlock_wrlock(&store->lock);
	r = reserve_records(store);
	for (size_t i = 0; r == 0 && i < store->n_changes; i++) {
		struct change *change = &store->changes[i];

		make_gap(store, change->supersedes);
		store->revision = change->revision;
		if (!change->mark)
			continue;
		store->records[store->n_records].revision = change->revision;
		store->records[store->n_records++].mark = take(change->mark);
		store->n_live++;
	}
	if (store->n_records > 64 && store->n_live < store->n_records / 2)
		close_gaps(store);
	pthread_rwlock_unlock(&store->lock);
	store_abort(store);
	return r;
}

void store_abort(struct store *store)
{
	for (size_t i = 0; i < store->n_changes; i++)
		free(store->changes[i].mark);
	store->n_changes = 0;
}

int store_get(struct store *store, uint64_t revision, struct mark *ret)
{
	struct record *record;

	pthread_rwlock_rdlock(&store->lock);
	record = find_exact(store, revision);
	if (record)
		*ret = *record->mark;
	pthread_rwlock_unlock(&store->lock);
	return record ? 0 : -ENOENT;
}

int store_scan(struct store *store, uint64_t after,
	       int (*each)(const struct mark *mark, void *user), void *user)
{
	int r = 0;

	pthread_rwlock_rdlock(&store->lock);
	for (size_t i = find(store, after + 1); r == 0 && i < store->n_records; i++)
		if (store->records[i].mark)
			r = each(store->records[i].mark, user);
	pthread_rwlock_unlock(&store->lock);
	return r;
}
