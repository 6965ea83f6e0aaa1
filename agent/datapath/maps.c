/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/maps.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#include <marker.skel.h>

static size_t array_size(const struct bpf_map *map)
{
	return (size_t)bpf_map__max_entries(map) * bpf_map__value_size(map);
}

static void *array_map(const struct bpf_map *map, int *error)
{
	void *memory = mmap(NULL, array_size(map), PROT_READ | PROT_WRITE, MAP_SHARED,
			    bpf_map__fd(map), 0);

	if (memory != MAP_FAILED)
		return memory;
	*error = -errno;
	return NULL;
}

static void array_unmap(const struct bpf_map *map, void *memory)
{
	if (memory)
		munmap(memory, array_size(map));
}

int maps_init(struct maps *maps, const struct marker *programs)
{
	int error = 0;

	maps->marks = array_map(programs->maps.marks, &error);
	maps->leases = array_map(programs->maps.leases, &error);
	maps->filter = array_map(programs->maps.filter, &error);
	maps->control = array_map(programs->maps.control, &error);
	maps->known_pairs = array_map(programs->maps.known_pairs, &error);
	maps->observed_traffic = array_map(programs->maps.observed_traffic, &error);
	maps->common = &programs->bss->common;
	return error;
}

void maps_done(struct maps *maps, const struct marker *programs)
{
	array_unmap(programs->maps.marks, maps->marks);
	array_unmap(programs->maps.leases, maps->leases);
	array_unmap(programs->maps.filter, maps->filter);
	array_unmap(programs->maps.control, maps->control);
	array_unmap(programs->maps.known_pairs, maps->known_pairs);
	array_unmap(programs->maps.observed_traffic, maps->observed_traffic);
	*maps = (struct maps){0};
}
