/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/clean.h"

#include <bpf/libbpf.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>

#include <marker.skel.h>

#include "cleanup.h"
#include "datapath/clsact.h"
#include "datapath/message.h"
#include "datapath/pins.h"
#include "datapath/tcx.h"

typedef struct if_nameindex name_index;

DEFINE_CLEANUP(free_names, name_index *, if_freenameindex)
DEFINE_CLEANUP(destroy_programs, struct marker *, marker__destroy)

static void clean_link(const struct pins *pins, uint32_t ifindex, enum hook hook, void *user)
{
	struct clean_count *count = user;

	count->links += tcx_remove_leftover(pins, ifindex, hook);
}

/* Ingress first: the filter on egress takes the qdisc with it. */
static void clean_filters(struct clean_count *count)
{
	cleanup(free_names) name_index *names = if_nameindex();

	for (const name_index *at = names; at && at->if_index; at++)
		for (int hook = HOOKS - 1; hook >= 0; hook--)
			count->filters += clsact_remove_leftover(at->if_index, hook);
}

/* libbpf pins a map under its name, with '_' for '.'. */
static void clean_map(const struct pins *pins, const struct bpf_map *map,
		      struct clean_count *count)
{
	char name[NAME_MAX];

	snprintf(name, sizeof(name), "%s", bpf_map__name(map));
	for (char *at = name; *at; at++)
		if (*at == '.')
			*at = '_';
	count->pins += pins_remove(pins, name);
}

static void clean_maps(const struct pins *pins, struct clean_count *count)
{
	cleanup(destroy_programs) struct marker *programs = marker__open();
	const struct bpf_map *map;

	if (!programs)
		return;
	bpf_object__for_each_map(map, programs->obj) clean_map(pins, map, count);
}

struct clean_count clean(const struct pins *pins)
{
	struct clean_count count = {0};

	message_listen();
	if (pins)
		pins_each_link(pins, clean_link, &count);
	clean_filters(&count);
	if (pins) {
		clean_maps(pins, &count);
		pins_remove_folder(pins);
	}
	return count;
}
