/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/datapath.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <marker.skel.h>

#include "cleanup.h"
#include "datapath/message.h"
#include "datapath/pins.h"
#include "datapath/shared.h"
#include "datapath/state.h"

/* Slots beyond the capacity: so many marks may be replaced by others within the rest of a
 * slot before the writer has to wait for one. Twice the updates of one call. */
#define SLOTS_SPARE 20000

/* Slot 0 is nobody's. */
_Static_assert(1 + DATAPATH_MARKS_MAX + SLOTS_SPARE == ENTRY_SLOT_MASK + 1,
	       "slots are numbered in 24 bits");

static int slot_count(const struct datapath_options *options, uint32_t *ret)
{
	uint64_t marks = (uint64_t)options->marks + options->networks;

	if (!options->marks || !options->networks || marks > DATAPATH_MARKS_MAX)
		return -EINVAL;
	*ret = 1 + (uint32_t)marks + SLOTS_SPARE;
	return 0;
}

/* Sizes can always be set before the maps exist. */
static void programs_size(struct marker *programs, const struct datapath_options *options,
			  uint32_t slots, uint32_t buckets)
{
	bpf_map__set_max_entries(programs->maps.matches, options->marks);
	bpf_map__set_max_entries(programs->maps.networks, options->networks);
	bpf_map__set_max_entries(programs->maps.marks, slots * COUNTER_STRIPES);
	bpf_map__set_max_entries(programs->maps.leases, slots);
	bpf_map__set_max_entries(programs->maps.filter, buckets / FILTER_BUCKETS_PER_WORD);
	programs->rodata->slots = slots;
	programs->rodata->filter_shift = filter_shift(buckets);
}

int stage_program(const struct marker *programs, enum stage stage)
{
	return bpf_program__fd(stage == STAGE_WRITE ? programs->progs.write_mark
						    : programs->progs.mark_networks);
}

int stage_plug(const struct marker *programs, enum stage stage)
{
	const uint32_t index = stage;
	int program = stage_program(programs, stage);

	return bpf_map_update_elem(bpf_map__fd(programs->maps.stages), &index, &program,
				   BPF_ANY);
}

static int stages_plug(const struct marker *programs)
{
	int error = 0;

	for (enum stage stage = 0; stage < STAGES && !error; stage++)
		error = stage_plug(programs, stage);
	return error;
}

/* Pins only what is complete: packets may go by it at once. */
static int maps_share(struct datapath *datapath, const char *pin_dir, enum pins_found found)
{
	int error = stages_plug(datapath->programs);

	if (error || found == PINS_FIT)
		return error;
	shared_store(&datapath->maps.control[CONTROL_VERSION], ABI_VERSION);
	if (found == PINS_OTHER)
		return migration_commit(datapath);
	shared_store(&datapath->maps.control[CONTROL_SINCE], (uint64_t)now_on(CLOCK_REALTIME));
	return pin_dir ? pins_make(datapath->programs, pin_dir) : 0;
}

/* libbpf would give it its content in one piece, which old kernels cannot take. */
static int common_make(const struct marker *programs)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
	cleanup(close_fd) int fd = -1;

	if (bpf_map__fd(programs->maps.bss) >= 0)
		return 0; /* the pinned one */
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "common", sizeof(uint32_t),
			    sizeof(struct common), 1, &options);
	if (fd >= 0)
		return bpf_map__reuse_fd(programs->maps.bss, fd);
	message_say("cannot make the map \"common\": %s\n", strerror(-fd));
	return fd;
}

/* libbpf raises RLIMIT_MEMLOCK where the kernel still charges maps to it (before 5.11). */
static int programs_load(struct datapath *datapath, const struct datapath_options *options,
			 uint32_t buckets, enum pins_found *found)
{
	int error = 0;

	datapath->programs = marker__open();
	if (!datapath->programs)
		return -errno;
	programs_size(datapath->programs, options, datapath->slot_count, buckets);
	if (options->pin_dir)
		error = pins_find(datapath->programs, options->pin_dir, found);
	if (!error)
		error = migration_init(&datapath->migration, datapath->programs,
				       options->pin_dir);
	if (!error)
		error = common_make(datapath->programs);
	return error ? error : marker__load(datapath->programs);
}

static struct table table_make(const struct bpf_map *map, enum entry_kind kind, bool batches)
{
	return (struct table){
		.fd = bpf_map__fd(map),
		.kind = kind,
		.key_size = bpf_map__key_size(map),
		.capacity = bpf_map__max_entries(map),
		.batches = batches,
	};
}

static int rooms_init(struct datapath *datapath, uint32_t buckets)
{
	const struct marker *programs = datapath->programs;
	int error = maps_init(&datapath->maps, programs);

	datapath->rows = (struct rows){datapath->maps.marks, datapath->slot_count};
	datapath->matches = table_make(programs->maps.matches, ENTRY_EXACT, true);
	/* A trie costs more than the system call, and old kernels have no batches for it. */
	datapath->networks = table_make(programs->maps.networks, ENTRY_NETWORK, false);
	if (!error)
		error = clock_init(&datapath->clock, programs);
	if (!error)
		error = slots_init(&datapath->slots, datapath->slot_count);
	if (!error)
		error = leases_init(&datapath->leases, datapath->maps.leases,
				    datapath->slot_count);
	if (!error)
		error = filter_init(&datapath->filter, datapath->maps.filter, buckets,
				    datapath->maps.common, datapath->slot_count,
				    datapath->networks.capacity);
	return error;
}

static int state_init(struct datapath *datapath, const struct datapath_options *options)
{
	uint32_t buckets = filter_buckets(options->marks + options->networks);
	enum pins_found found = PINS_NONE;
	int error = programs_load(datapath, options, buckets, &found);

	if (!error)
		error = rooms_init(datapath, buckets);
	if (!error && found == PINS_OTHER)
		error = migration_copy(datapath);
	if (!error && found != PINS_NONE)
		error = adoption_init(datapath);
	if (!error)
		error = maps_share(datapath, options->pin_dir, found);
	return error ? error : migration_count_marks(datapath);
}

int datapath_open(const struct datapath_options *options, struct datapath **ret)
{
	struct datapath *datapath;
	uint32_t slots;
	int error = slot_count(options, &slots);

	if (error)
		return error;
	message_listen();
	datapath = calloc(1, sizeof(*datapath));
	if (!datapath)
		return -ENOMEM;
	datapath->slot_count = slots;
	datapath->batch = datapath->batches;
	error = state_init(datapath, options);
	if (error) {
		datapath_close(datapath);
		return error;
	}
	*ret = datapath;
	return 0;
}

void datapath_close(struct datapath *datapath)
{
	if (!datapath)
		return;
	helper_stop(&datapath->matches.helper);
	migration_done(&datapath->migration);
	adoption_done(&datapath->adoption);
	filter_done(&datapath->filter);
	leases_done(&datapath->leases);
	slots_done(&datapath->slots);
	if (datapath->programs)
		maps_done(&datapath->maps, datapath->programs);
	marker__destroy(datapath->programs);
	free(datapath);
}

int datapath_start_helper(struct datapath *datapath)
{
	return helper_start(&datapath->matches.helper);
}

struct datapath_fill datapath_fill(const struct datapath *datapath)
{
	return (struct datapath_fill){
		.marks = table_used(&datapath->matches),
		.marks_capacity = datapath->matches.capacity,
		.networks = table_used(&datapath->networks),
		.networks_capacity = datapath->networks.capacity,
	};
}

int64_t datapath_since(const struct datapath *datapath)
{
	return (int64_t)shared_load(&datapath->maps.control[CONTROL_SINCE]);
}

int datapath_program(const struct datapath *datapath, int has_ethernet_header)
{
	const struct marker *programs = datapath->programs;

	return bpf_program__fd(has_ethernet_header ? programs->progs.mark_l2
						   : programs->progs.mark_l3);
}
