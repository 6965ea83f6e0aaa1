/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct store *fake_store_new(void)
{
	struct store *store = calloc(1, sizeof(*store));

	if (!store)
		abort();
	store->records = calloc(FAKE_RECORDS, sizeof(*store->records));
	if (!store->records)
		abort();
	return store;
}

void fake_store_free(struct store *store)
{
	free(store->records);
	free(store);
}

void store_state_id(const struct store *store, uint8_t ret[static STORE_STATE_ID_SIZE])
{
	(void)store;
	memset(ret, 0x5A, STORE_STATE_ID_SIZE);
}

/* Readers ask while the writer commits. */
uint64_t store_revision(const struct store *store)
{
	return __atomic_load_n(&store->committed.revision, __ATOMIC_ACQUIRE);
}

uint64_t store_last_lease(const struct store *store)
{
	return store->committed.last_lease;
}

int store_begin(struct store *store)
{
	store->pending = store->committed;
	return 0;
}

static struct fake_record *append(struct store *store, uint64_t revision)
{
	if (revision != store->pending.revision + 1 || revision >= FAKE_RECORDS)
		return NULL;
	store->pending.revision = revision;
	return &store->records[revision];
}

int store_put(struct store *store, const struct mark *mark, uint64_t supersedes)
{
	struct fake_record *record = append(store, mark->revision);

	if (!record || supersedes >= mark->revision)
		return -EINVAL;
	*record = (struct fake_record){.mark = *mark};
	return 0;
}

int store_remove(struct store *store, const struct removal *removal, uint64_t supersedes)
{
	struct fake_record *record = append(store, removal->revision);

	if (!record || supersedes == 0 || supersedes >= removal->revision)
		return -EINVAL;
	*record = (struct fake_record){.is_removal = true, .removal = *removal};
	return 0;
}

/* The lease of this id, or a free place for it. */
static struct store_lease *lease_place(struct store *store, uint64_t id)
{
	struct store_lease *free_place = NULL;

	for (size_t i = 0; i < FAKE_STORE_LEASES; i++) {
		struct store_lease *lease = &store->pending.leases[i];

		if (lease->id == id)
			return lease;
		if (lease->id == 0)
			free_place = lease;
	}
	return free_place;
}

int store_put_lease(struct store *store, const struct store_lease *lease)
{
	struct store_lease *place = lease_place(store, lease->id);

	if (!place)
		return -ENOSPC;
	*place = *lease;
	if (lease->id > store->pending.last_lease)
		store->pending.last_lease = lease->id;
	return 0;
}

int store_remove_lease(struct store *store, uint64_t id)
{
	struct store_lease *place = lease_place(store, id);

	if (!place || place->id != id)
		return -ENOENT;
	place->id = 0;
	return 0;
}

int store_commit(struct store *store)
{
	uint64_t revision = store->pending.revision;

	if (store->commit_error < 0)
		return store->commit_error;
	memcpy(store->committed.leases, store->pending.leases, sizeof(store->pending.leases));
	memcpy(store->committed.owners, store->pending.owners, sizeof(store->pending.owners));
	store->committed.last_lease = store->pending.last_lease;
	store->commits++;
	__atomic_store_n(&store->committed.revision, revision, __ATOMIC_RELEASE);
	return 0;
}

void store_abort(struct store *store)
{
	store->pending = store->committed;
}

int store_get(struct store *store, uint64_t revision, struct mark *ret)
{
	if (revision == 0 || revision > store_revision(store) ||
	    store->records[revision].is_removal)
		return -ENOENT;
	*ret = store->records[revision].mark;
	return 0;
}

int store_scan(struct store *store, uint64_t after,
	       int (*each)(const struct store_record *record, void *user), void *user)
{
	int r = 0;

	for (uint64_t i = after + 1; r == 0 && i <= store_revision(store); i++) {
		const struct fake_record *found = &store->records[i];
		const struct store_record record = {
			.revision = i,
			.mark = found->is_removal ? NULL : &found->mark,
			.removal = found->is_removal ? &found->removal : NULL,
		};

		r = each(&record, user);
	}
	return r;
}

uint64_t store_compact_revision(const struct store *store)
{
	(void)store;
	return 0;
}

/* The one with the lowest id above this one; NULL: none. */
static const struct store_lease *next_lease(const struct store *store, uint64_t id)
{
	const struct store_lease *next = NULL;

	for (size_t i = 0; i < FAKE_STORE_LEASES; i++) {
		const struct store_lease *lease = &store->committed.leases[i];

		if (lease->id > id && (!next || lease->id < next->id))
			next = lease;
	}
	return next;
}

int store_each_lease(struct store *store,
		     int (*each)(const struct store_lease *lease, void *user), void *user)
{
	const struct store_lease *lease = next_lease(store, 0);
	int r = 0;

	for (; r == 0 && lease; lease = next_lease(store, lease->id))
		r = each(lease, user);
	return r;
}

int store_put_owner(struct store *store, const char *owner, uint64_t election_id)
{
	struct fake_owner *place = store->pending.owners;

	while (place->name[0] && strcmp(place->name, owner) != 0)
		if (++place == store->pending.owners + FAKE_STORE_OWNERS)
			return -ENOSPC;
	strncpy(place->name, owner, sizeof(place->name) - 1);
	place->election_id = election_id;
	return 0;
}

int store_each_owner(struct store *store,
		     int (*each)(const char *owner, uint64_t election_id, void *user),
		     void *user)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < FAKE_STORE_OWNERS; i++)
		if (store->committed.owners[i].name[0])
			r = each(store->committed.owners[i].name,
				 store->committed.owners[i].election_id, user);
	return r;
}
