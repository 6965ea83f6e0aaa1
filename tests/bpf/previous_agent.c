/* SPDX-License-Identifier: Apache-2.0 */
/*
 * previous_agent PIN_DIR INTERFACE: an agent with the layout of maps before the present one.
 * Marks fd00::2, and in its tables with another label the prefix around it, hangs on the
 * interface and goes; all stays in force. What it knows of the layout is its own.
 */
#include <bpf/bpf.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <previous.skel.h>

#include "datapath/clsact.h"
#include "datapath/pin_folder.h"
#include "datapath/tcx.h"
#include "node.h"

enum { HOST_SLOT = 5, NETWORK_SLOT = 6 };

#define WORD_HAS_RAW (1ull << 27)
#define VERSION 4

struct exact_key {
	uint64_t words[5];
};

struct prefix_key {
	uint32_t length;
	uint8_t destination[16];
};

static int put(const struct bpf_map *map, const void *key, uint64_t value)
{
	return bpf_map_update_elem(bpf_map__fd(map), key, &value, BPF_ANY);
}

static int put_word(const struct bpf_map *array, uint32_t index, uint64_t value)
{
	return put(array, &index, value);
}

static uint64_t tagged(const struct exact_key *key, uint32_t slot)
{
	static const uint64_t factors[] = {0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93,
					   0xBF58476D1CE4E5B9, 0x94D049BB133111EB,
					   0xC2B2AE3D27D4EB4F};
	uint64_t hash = ((uint64_t)slot << 40) * factors[4];

	for (int i = 0; i < 5; i++)
		hash += key->words[i] * factors[i];
	return hash >> 32 << 32 | slot;
}

static int marks_put(const struct previous *programs)
{
	const uint8_t address[16] = {0xfd, [15] = 2};
	struct prefix_key network = {.length = 64, .destination = {0xfd}};
	struct exact_key host = {0};

	memcpy(&host, address, sizeof(address));
	return put_word(programs->maps.marks, HOST_SLOT, WORD_HAS_RAW | NODE_LABEL) ||
	       put_word(programs->maps.marks, NETWORK_SLOT, WORD_HAS_RAW | (NODE_LABEL + 1)) ||
	       put(programs->maps.matches, &host, tagged(&host, HOST_SLOT)) ||
	       put(programs->maps.networks, &network, 64ull << 24 | NETWORK_SLOT);
}

/* Kinds in use, length of the shortest prefix, observe, since, version. */
static int control_put(const struct previous *programs)
{
	const uint64_t words[] = {4 | 8, 64, 0, 1, VERSION};
	int error = 0;

	for (uint32_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		error = error ?: put_word(programs->maps.control, i, words[i]);
	return error;
}

static int maps_pin(const struct previous *programs, const char *dir)
{
	const struct bpf_map *map;
	char path[512];

	snprintf(path, sizeof(path), "%s/maps", dir);
	if (mkdir(path, 0700))
		return -1;
	bpf_object__for_each_map(map, programs->obj)
	{
		snprintf(path, sizeof(path), "%s/maps/%s", dir, bpf_map__name(map));
		if (bpf_obj_pin(bpf_map__fd(map), path))
			return -1;
	}
	return 0;
}

/* As the agent would: tcx where the kernel has it. */
static int hang(const struct previous *programs, const struct pin_folder *pins,
		uint32_t ifindex)
{
	const int program = bpf_program__fd(programs->progs.mark_l2);
	struct clsact clsact;

	if (tcx_is_supported())
		return tcx_attach(pins, ifindex, HOOK_EGRESS, program) < 0;
	return clsact_attach(ifindex, HOOK_EGRESS, program, &clsact);
}

static int fail(const char *what)
{
	fprintf(stderr, "previous_agent: %s\n", what);
	return EXIT_FAILURE;
}

int main(int argc, char *argv[])
{
	char error[PIN_FOLDER_ERROR_MAX] = "";
	struct previous *programs;
	struct pin_folder *pins;

	if (argc != 3)
		return fail("PIN_DIR INTERFACE");
	if (pin_folder_open(argv[1], &pins, error))
		return fail(error);
	programs = previous__open_and_load();
	if (!programs)
		return fail("cannot load the programs");
	if (marks_put(programs) || control_put(programs) || maps_pin(programs, argv[1]))
		return fail("cannot leave the maps");
	if (hang(programs, pins, if_nametoindex(argv[2])))
		return fail("cannot attach");
	previous__destroy(programs);
	pin_folder_close(pins);
	return EXIT_SUCCESS;
}
