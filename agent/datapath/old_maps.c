/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/old_maps.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cleanup.h"
#include "datapath/shared.h"

DEFINE_CLEANUP(close_old_maps, struct old_maps *, old_maps_close)

static int map_open(const char *folder, const char *name, struct bpf_map_info *info)
{
	char path[PATH_MAX];
	uint32_t length = sizeof(*info);
	int fd, error;

	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return fd;
	error = bpf_obj_get_info_by_fd(fd, info, &length);
	if (!error)
		return fd;
	close(fd);
	return error;
}

/* Rows of another size would be of a layout that nobody has described here. */
static int array_open(struct old_maps *maps, const char *folder, const char *name, size_t row,
		      struct old_column *ret)
{
	struct old_array *array = maps->arrays;
	struct bpf_map_info info = {0};
	cleanup(close_fd) int fd = map_open(folder, name, &info);
	size_t octets = (size_t)info.max_entries * info.value_size;
	void *memory;

	if (fd < 0)
		return fd;
	if (info.value_size != row)
		return -EPROTO;
	memory = mmap(NULL, octets, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	while (array->memory)
		array++;
	*array = (struct old_array){memory, octets};
	*ret = (struct old_column){
		.first = memory, .row = row, .entries = info.max_entries, .copies = 1};
	return 0;
}

static void array_close(const struct old_array *array)
{
	if (array->memory)
		munmap(array->memory, array->octets);
}

static int count_entry(const struct entry *entry, void *user)
{
	struct table *table = user;

	(void)entry;
	table->used++;
	return 0;
}

static int table_open(const char *folder, const char *name, enum entry_kind kind,
		      struct table *table)
{
	const size_t key =
		kind == ENTRY_EXACT ? sizeof(struct exact_key) : sizeof(struct prefix_key);
	struct bpf_map_info info = {0};
	int fd = map_open(folder, name, &info);

	if (fd < 0)
		return fd;
	*table = (struct table){.fd = fd,
				.kind = kind,
				.key_size = key,
				.capacity = info.max_entries,
				.batches = kind == ENTRY_EXACT};
	if (info.key_size != key || info.value_size != sizeof(uint64_t))
		return -EPROTO;
	return table_each(table, count_entry, table);
}

static void *item_at(const struct old_column *column, uint32_t entry, uint32_t copy)
{
	return (char *)column->first + copy * column->copy + entry * column->row;
}

/* Copies of so many entries lie behind each other; how many the size tells. */
static void divide(struct old_column *column, uint32_t entries)
{
	column->copies = entries ? column->entries / entries : 0;
	column->entries = entries;
	column->copy = entries * column->row;
}

/* Before version 5 what all packets share lay in maps of their own. */
static int open_4(const char *folder, const struct old_column *control, struct old_maps *maps)
{
	enum { SHORTEST_PREFIX = 1, OBSERVE };
	const size_t traffic = sizeof(struct traffic);
	int error = array_open(maps, folder, "marks", sizeof(uint64_t), &maps->words);

	if (!error)
		error = array_open(maps, folder, "mark_traffic", traffic, &maps->marked);
	if (!error)
		error = array_open(maps, folder, "sent_traffic", traffic, &maps->sent);
	if (!error)
		error = array_open(maps, folder, "interfaces", sizeof(struct interface_traffic),
				   &maps->interfaces);
	if (error)
		return error;
	divide(&maps->marked, maps->words.entries);
	divide(&maps->sent, PAIRS);
	divide(&maps->interfaces, INTERFACES);
	maps->shortest_prefix = old_maps_word(control, SHORTEST_PREFIX);
	maps->observe = old_maps_word(control, OBSERVE);
	return 0;
}

static void common_read(struct old_maps *maps, struct common *common)
{
	struct common_stripe *stripe = common->stripes;

	maps->shortest_prefix = shared_load(&common->shortest_prefix);
	maps->observe = shared_load(&common->observe);
	maps->sent = (struct old_column){stripe->sent, sizeof(*stripe->sent), sizeof(*stripe),
					 PAIRS, COUNTER_STRIPES};
	maps->interfaces = (struct old_column){stripe->interfaces, sizeof(*stripe->interfaces),
					       sizeof(*stripe), INTERFACES, COUNTER_STRIPES};
}

static int open_5(const char *folder, struct old_maps *maps)
{
	struct old_column common = {0};
	int error = array_open(maps, folder, "marks", sizeof(struct mark_row), &maps->words);

	if (!error)
		error = array_open(maps, folder, "common", sizeof(struct common), &common);
	if (error)
		return error;
	divide(&maps->words, maps->words.entries / COUNTER_STRIPES);
	maps->marked = maps->words;
	maps->marked.first = &((struct mark_row *)maps->words.first)->traffic;
	common_read(maps, common.first);
	return 0;
}

static int maps_open(const char *folder, struct old_maps *maps)
{
	struct old_column control = {0};
	int error = array_open(maps, folder, "control", sizeof(uint64_t), &control);

	if (error)
		return error;
	maps->version = old_maps_word(&control, CONTROL_VERSION);
	maps->since = old_maps_word(&control, CONTROL_SINCE);
	if (maps->version < ABI_VERSION_OLDEST || maps->version > ABI_VERSION)
		return -EPROTO;
	error = table_open(folder, "matches", ENTRY_EXACT, &maps->matches);
	if (!error)
		error = table_open(folder, "networks", ENTRY_NETWORK, &maps->networks);
	if (!error)
		error = array_open(maps, folder, "leases", sizeof(uint64_t), &maps->leases);
	if (!error)
		error = array_open(maps, folder, "observed_traffic", sizeof(struct traffic),
				   &maps->observed);
	if (!error)
		error = maps->version < 5 ? open_4(folder, &control, maps)
					  : open_5(folder, maps);
	if (error)
		return error;
	divide(&maps->observed, PAIRS);
	return 0;
}

int old_maps_open(const char *folder, struct old_maps **ret)
{
	cleanup(close_old_maps) struct old_maps *maps = calloc(1, sizeof(*maps));
	int error;

	if (!maps)
		return -ENOMEM;
	maps->matches.fd = maps->networks.fd = -1;
	error = maps_open(folder, maps);
	if (error)
		return error;
	*ret = take(maps);
	return 0;
}

void old_maps_close(struct old_maps *maps)
{
	if (!maps)
		return;
	if (maps->matches.fd >= 0)
		close(maps->matches.fd);
	if (maps->networks.fd >= 0)
		close(maps->networks.fd);
	for (size_t i = 0; i < OLD_ARRAYS; i++)
		array_close(&maps->arrays[i]);
	free(maps);
}

/* The value of an entry in a hash of version 4. */
static uint64_t entry_value_4(const struct exact_key *key, uint32_t slot)
{
	uint64_t word[5], hash;

	memcpy(word, key, sizeof(word));
	hash = word[0] * 0x9E3779B97F4A7C15 + word[1] * 0xD6E8FEB86659FD93 +
	       word[2] * 0xBF58476D1CE4E5B9 + word[3] * 0x94D049BB133111EB +
	       (word[4] + ((uint64_t)slot << 40)) * 0xC2B2AE3D27D4EB4F;
	return hash >> 32 << ENTRY_TAG_SHIFT | slot;
}

bool old_maps_read(const struct old_maps *maps, const struct entry *entry,
		   struct match *ret_match, uint32_t *ret_slot)
{
	const struct exact_key *key = &entry->key.exact;
	uint32_t slot = entry->value & ENTRY_SLOT_MASK;
	struct entry now = *entry;

	if (slot >= maps->words.entries)
		return false;
	if (entry->kind == ENTRY_EXACT && maps->version == 4) {
		if (entry->value != entry_value_4(key, slot))
			return false;
		now.value = entry_tagged(key, slot);
	}
	return entry_read(&now, ret_match, ret_slot);
}

uint64_t old_maps_word(const struct old_column *column, uint32_t index)
{
	const uint64_t *word = item_at(column, index, 0);

	return index < column->entries ? shared_load(word) : 0;
}

/* In one piece, while packets may still be counted in both. */
static void counter_move(__u64 *from, __u64 *to)
{
	uint64_t counted = __atomic_exchange_n(from, 0, __ATOMIC_RELAXED);

	if (counted)
		__atomic_fetch_add(to, counted, __ATOMIC_RELAXED);
}

void old_maps_move(const struct old_column *column, uint32_t entry, struct traffic *to)
{
	for (uint32_t copy = 0; copy < column->copies; copy++) {
		struct traffic *from = item_at(column, entry, copy);

		counter_move(&from->packets, &to->packets);
		counter_move(&from->bytes, &to->bytes);
	}
}

bool old_maps_has_counted(const struct old_maps *maps, uint32_t slot)
{
	for (uint32_t copy = 0; copy < maps->marked.copies; copy++) {
		const struct traffic *traffic = item_at(&maps->marked, slot, copy);

		if (shared_load(&traffic->packets))
			return true;
	}
	return false;
}

void old_maps_move_interface(const struct old_maps *maps, uint32_t ifindex,
			     struct interface_traffic *to)
{
	for (uint32_t copy = 0; copy < maps->interfaces.copies; copy++) {
		struct interface_traffic *from = item_at(&maps->interfaces, ifindex, copy);

		for (int verdict = 0; verdict < VERDICTS; verdict++)
			counter_move(&from->packets[verdict], &to->packets[verdict]);
		counter_move(&from->marked_bytes, &to->marked_bytes);
	}
}
