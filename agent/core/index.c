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
	struct index_entry *entry, *next_entry;
	struct index_owner *owner, *next_owner;

	HASH_ITER (hh, index->entries, entry, next_entry) {
		HASH_DEL(index->entries, entry);
		free(entry);
	}
	HASH_ITER (hh, index->owners, owner, next_owner) {
		HASH_DEL(index->owners, owner);
		free(owner);
	}
	memset(index, 0, sizeof(*index));
}

struct index_entry *index_find(const struct index *index, const struct match *match)
{
	struct index_entry *entry;

	HASH_FIND(hh, index->entries, match, sizeof(*match), entry);
	return entry;
}

static struct index_entry *find_network(const struct index *index, const struct match *match)
{
	for (int length = match->prefix_length; length >= 0; length--) {
		struct match network = {.kind = MARK_NETWORK, .prefix_length = (uint8_t)length};
		struct index_entry *entry;

		if (index->by_length[length] == 0)
			continue;
		prefix_mask(match->destination, (uint8_t)length, network.destination);
		entry = index_find(index, &network);
		if (entry)
			return entry;
	}
	return NULL;
}

struct index_entry *index_effective(const struct index *index, const struct match *match)
{
	struct match probe = *match;
	struct index_entry *entry = NULL;

	if (match->kind == MARK_FLOW) {
		entry = index_find(index, &probe);
		memset(probe.source, 0, sizeof(probe.source));
		probe.source_port = 0;
		probe.kind = MARK_ENDPOINT;
	}
	if (!entry && probe.kind == MARK_ENDPOINT) {
		entry = index_find(index, &probe);
		probe.destination_port = 0;
		probe.protocol = 0;
		probe.kind = MARK_HOST;
	}
	if (!entry && probe.kind == MARK_HOST)
		entry = index_find(index, &probe);
	return entry ? entry : find_network(index, match);
}

static struct index_owner *find_owner(const struct index *index, const char *name)
{
	struct index_owner *owner;

	HASH_FIND(hh, index->owners, name, strlen(name), owner);
	return owner;
}

static struct index_owner *make_owner(struct index *index, const char *name)
{
	struct index_owner *owner = find_owner(index, name);
	size_t length = strlen(name);

	if (owner)
		return owner;
	owner = calloc(1, sizeof(*owner) + length + 1);
	if (!owner)
		return NULL;
	memcpy(owner->name, name, length);
	HASH_ADD_KEYPTR(hh, index->owners, owner->name, length, owner);
	if (find_owner(index, name) != owner) {
		free(owner);
		return NULL;
	}
	return owner;
}

static void drop_idle_owner(struct index *index, struct index_owner *owner)
{
	if (owner->marks > 0)
		return;
	HASH_DEL(index->owners, owner);
	free(owner);
}

int index_add(struct index *index, const struct match *match, const char *owner_name,
	      uint32_t slot, uint64_t revision)
{
	struct index_entry *entry = calloc(1, sizeof(*entry));
	struct index_owner *owner = entry ? make_owner(index, owner_name) : NULL;

	if (owner) {
		*entry = (struct index_entry){
			.match = *match, .slot = slot, .revision = revision, .owner = owner};
		HASH_ADD(hh, index->entries, match, sizeof(entry->match), entry);
		if (index_find(index, match) == entry) {
			owner->marks++;
			if (match->kind == MARK_NETWORK)
				index->by_length[match->prefix_length]++;
			return 0;
		}
		drop_idle_owner(index, owner);
	}
	free(entry);
	return -ENOMEM;
}

void index_set_lease(struct index_entry *entry, struct lease *lease)
{
	if (entry->lease == lease)
		return;
	if (entry->lease)
		DL_DELETE(entry->lease->marks, entry);
	entry->lease = lease;
	if (lease)
		DL_APPEND(lease->marks, entry);
}

void index_remove(struct index *index, struct index_entry *entry)
{
	struct index_owner *owner = entry->owner;

	index_set_lease(entry, NULL);
	if (entry->match.kind == MARK_NETWORK)
		index->by_length[entry->match.prefix_length]--;
	HASH_DEL(index->entries, entry);
	free(entry);
	owner->marks--;
	drop_idle_owner(index, owner);
}

uint64_t index_owner_marks(const struct index *index, const char *owner)
{
	const struct index_owner *found = find_owner(index, owner);

	return found ? found->marks : 0;
}
