/* SPDX-License-Identifier: Apache-2.0 */
/* Running out of memory is reported, not fatal: uthash then leaves the table as it was. */
#define HASH_NONFATAL_OOM 1

#include "core/index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "core/lease_queue.h"
#include "core/match.h"

void index_done(struct index *index)
{
	struct index_owner *owner, *next_owner;
	struct index_entry *entry;
	size_t place = 0;

	while ((entry = match_table_each(&index->entries, &place)))
		free(entry);
	match_table_done(&index->entries);
	HASH_ITER (hh, index->owners, owner, next_owner) {
		HASH_DEL(index->owners, owner);
		free(owner);
	}
	HASH_CLEAR(hh, index->leases);
	memset(index, 0, sizeof(*index));
}

/* ---- entries ---- */

struct index_entry *index_find_hashed(const struct index *index, const struct match *match,
				      uint32_t hash)
{
	struct index_entry *entry;
	size_t place = hash;

	do
		entry = match_table_next(&index->entries, hash, &place);
	while (entry && memcmp(&entry->match, match, sizeof(*match)) != 0);
	return entry;
}

struct index_entry *index_find(const struct index *index, const struct match *match)
{
	return index_find_hashed(index, match, match_hash(match));
}

/* So many places of the table, and then entries, are on their way from memory at a time. */
enum { FIND_AT_ONCE = 32 };

static void find_some(const struct index *index, const uint8_t *matches, size_t stride,
		      size_t n, struct index_entry **ret)
{
	uint32_t hashes[FIND_AT_ONCE];

	for (size_t i = 0; i < n; i++) {
		hashes[i] = match_hash((const struct match *)(matches + i * stride));
		match_table_prefetch(&index->entries, hashes[i]);
	}
	for (size_t i = 0; i < n; i++)
		match_table_prefetch_item(&index->entries, hashes[i]);
	for (size_t i = 0; i < n; i++)
		ret[i] = index_find_hashed(index, (const struct match *)(matches + i * stride),
					   hashes[i]);
}

void index_find_many(const struct index *index, const struct match *matches, size_t stride,
		     size_t n, struct index_entry **ret)
{
	const uint8_t *at = (const uint8_t *)matches;

	for (size_t i = 0; i < n; i += FIND_AT_ONCE)
		find_some(index, at + i * stride, stride,
			  n - i < FIND_AT_ONCE ? n - i : FIND_AT_ONCE, ret + i);
}

static struct index_entry *find_in_force(const struct index *index, const struct match *match,
					 int64_t now)
{
	struct index_entry *entry = index_find(index, match);

	return entry && entry->lease && entry->lease->deadline <= now ? NULL : entry;
}

static struct index_entry *find_network(const struct index *index, const struct match *match,
					int64_t now)
{
	for (int length = match->prefix_length; length >= 0; length--) {
		struct match network = {.kind = MARK_NETWORK, .prefix_length = (uint8_t)length};
		struct index_entry *entry;

		if (index->by_length[length] == 0)
			continue;
		prefix_mask(match->destination, (uint8_t)length, network.destination);
		entry = find_in_force(index, &network, now);
		if (entry)
			return entry;
	}
	return NULL;
}

struct index_entry *index_effective(const struct index *index, const struct match *match,
				    int64_t now)
{
	struct match probe = *match;
	struct index_entry *entry = NULL;

	if (match->kind == MARK_FLOW) {
		entry = find_in_force(index, &probe, now);
		memset(probe.source, 0, sizeof(probe.source));
		probe.source_port = 0;
		probe.kind = MARK_ENDPOINT;
	}
	if (!entry && probe.kind == MARK_ENDPOINT) {
		entry = find_in_force(index, &probe, now);
		probe.destination_port = 0;
		probe.protocol = 0;
		probe.kind = MARK_HOST;
	}
	if (!entry && probe.kind == MARK_HOST)
		entry = find_in_force(index, &probe, now);
	return entry ? entry : find_network(index, match, now);
}

struct index_entry *index_entry_new(const struct match *match, uint32_t hash,
				    struct index_owner *owner)
{
	struct index_entry *entry = calloc(1, sizeof(*entry));

	if (entry) {
		entry->match = *match;
		entry->hash = hash;
		entry->owner = owner;
	}
	return entry;
}

uint32_t index_cookie_hash(const char *cookie)
{
	uint32_t hash = 2166136261;

	if (!*cookie)
		return 0;
	for (; *cookie; cookie++)
		hash = (hash ^ (uint8_t)*cookie) * 16777619;
	return hash ? hash : 1;
}

int index_add(struct index *index, struct index_entry *entry)
{
	int r = match_table_add(&index->entries, entry->hash, entry);

	if (r < 0)
		return r;
	entry->owner->account.marks++;
	if (entry->match.kind == MARK_NETWORK)
		index->by_length[entry->match.prefix_length]++;
	return 0;
}

static void count_on_lease(struct lease *lease, int change)
{
	if (lease->is_shared)
		((struct shared_lease *)lease)->n_marks += (uint64_t)change;
}

void index_set_lease(struct index_entry *entry, struct lease *lease)
{
	if (entry->lease == lease)
		return;
	if (entry->lease) {
		DL_DELETE(entry->lease->marks, entry);
		count_on_lease(entry->lease, -1);
	}
	entry->lease = lease;
	if (lease) {
		DL_APPEND(lease->marks, entry);
		count_on_lease(lease, 1);
	}
}

void index_remove(struct index *index, struct index_entry *entry)
{
	index_set_lease(entry, NULL);
	if (entry->match.kind == MARK_NETWORK)
		index->by_length[entry->match.prefix_length]--;
	entry->owner->account.marks--;
	match_table_remove(&index->entries, entry->hash, entry);
	free(entry);
}

/* ---- owners ---- */

struct index_owner *index_find_owner(const struct index *index, const char *name)
{
	struct index_owner *owner;

	HASH_FIND(hh, index->owners, name, strlen(name), owner);
	return owner;
}

struct index_owner *index_make_owner(struct index *index, const char *name)
{
	struct index_owner *owner = index_find_owner(index, name);
	size_t length = strlen(name);

	if (owner)
		return owner;
	owner = calloc(1, sizeof(*owner) + length + 1);
	if (!owner)
		return NULL;
	memcpy(owner->name, name, length);
	HASH_ADD_KEYPTR(hh, index->owners, owner->name, length, owner);
	if (!owner->hh.tbl) {
		free(owner);
		return NULL;
	}
	return owner;
}

/* ---- shared leases ---- */

struct shared_lease *index_find_lease(const struct index *index, uint64_t id)
{
	struct shared_lease *lease;

	HASH_FIND(hh, index->leases, &id, sizeof(id), lease);
	return lease;
}

int index_add_lease(struct index *index, struct shared_lease *lease)
{
	HASH_ADD(hh, index->leases, lease.id, sizeof(lease->lease.id), lease);
	if (!lease->hh.tbl)
		return -ENOMEM;
	lease->owner->account.leases++;
	return 0;
}

void index_remove_lease(struct index *index, struct shared_lease *lease)
{
	HASH_DEL(index->leases, lease);
	lease->owner->account.leases--;
}
