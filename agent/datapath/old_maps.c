/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/old_maps.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
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

/* Rows of another size than ours would be of a layout that nobody has described here. */
static int array_open(const char *folder, const char *name, size_t row, struct old_array *array)
{
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
	*array = (struct old_array){memory, octets, info.max_entries};
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

static int maps_open(const char *folder, struct old_maps *maps)
{
	int error = array_open(folder, "control", sizeof(uint64_t), &maps->control);

	if (!error)
		error = table_open(folder, "matches", ENTRY_EXACT, &maps->matches);
	if (!error)
		error = table_open(folder, "networks", ENTRY_NETWORK, &maps->networks);
	if (!error)
		error = array_open(folder, "marks", sizeof(uint64_t), &maps->marks);
	if (!error)
		error = array_open(folder, "leases", sizeof(uint64_t), &maps->leases);
	if (!error)
		error = array_open(folder, "mark_traffic", sizeof(struct traffic),
				   &maps->mark_traffic);
	if (!error)
		error = array_open(folder, "sent_traffic", sizeof(struct traffic),
				   &maps->sent_traffic);
	if (!error)
		error = array_open(folder, "observed_traffic", sizeof(struct traffic),
				   &maps->observed_traffic);
	if (!error)
		error = array_open(folder, "interfaces", sizeof(struct interface_traffic),
				   &maps->interfaces);
	return error;
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
	maps->version = old_maps_word(&maps->control, CONTROL_VERSION);
	maps->slots = maps->marks.entries;
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
	array_close(&maps->control);
	array_close(&maps->marks);
	array_close(&maps->leases);
	array_close(&maps->mark_traffic);
	array_close(&maps->sent_traffic);
	array_close(&maps->observed_traffic);
	array_close(&maps->interfaces);
	free(maps);
}

/* Version 3 has other tags. */
bool old_maps_read(const struct old_maps *maps, const struct entry *entry,
		   struct match *ret_match, uint32_t *ret_slot)
{
	const struct exact_key *key = &entry->key.exact;
	uint32_t slot = entry->value & ENTRY_SLOT_MASK;
	struct entry now = *entry;

	if (slot >= maps->slots)
		return false;
	if (entry->kind == ENTRY_EXACT) {
		if (entry->value != entry_tagged_in((uint32_t)maps->version, key, slot))
			return false;
		now.value = entry_tagged(key, slot);
	}
	return entry_read(&now, ret_match, ret_slot);
}

uint64_t old_maps_word(const struct old_array *array, uint32_t index)
{
	const uint64_t *words = array->memory;

	return index < array->entries ? shared_load(&words[index]) : 0;
}

/* In one piece, while packets may still be counted in both. */
static void counter_move(__u64 *from, __u64 *to)
{
	uint64_t counted = __atomic_exchange_n(from, 0, __ATOMIC_RELAXED);

	if (counted)
		__atomic_fetch_add(to, counted, __ATOMIC_RELAXED);
}

/* Copies of an entry are a whole array apart; how many there are the map's size tells. */
static void copies_move(const struct old_array *array, uint32_t entry, uint32_t apart,
			struct traffic *to)
{
	struct traffic *from = array->memory;

	for (size_t i = entry; i < array->entries; i += apart) {
		counter_move(&from[i].packets, &to->packets);
		counter_move(&from[i].bytes, &to->bytes);
	}
}

bool old_maps_has_counted(const struct old_maps *maps, uint32_t slot)
{
	const struct traffic *traffic = maps->mark_traffic.memory;

	for (size_t i = slot; i < maps->mark_traffic.entries; i += maps->slots)
		if (__atomic_load_n(&traffic[i].packets, __ATOMIC_RELAXED))
			return true;
	return false;
}

void old_maps_move(const struct old_maps *maps, uint32_t slot, struct traffic *to)
{
	copies_move(&maps->mark_traffic, slot, maps->slots, to);
}

void old_maps_move_pair(const struct old_array *array, uint32_t pair, struct traffic *to)
{
	copies_move(array, pair, PAIRS, to);
}

void old_maps_move_interface(const struct old_maps *maps, uint32_t ifindex,
			     struct interface_traffic *to)
{
	struct interface_traffic *from = maps->interfaces.memory;

	for (size_t i = ifindex; i < maps->interfaces.entries; i += INTERFACES) {
		for (int verdict = 0; verdict < VERDICTS; verdict++)
			counter_move(&from[i].packets[verdict], &to->packets[verdict]);
		counter_move(&from[i].marked_bytes, &to->marked_bytes);
	}
}
