/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/clean.h"

#include <net/if.h>

#include "cleanup.h"
#include "datapath/clsact.h"
#include "datapath/message.h"
#include "datapath/pin_folder.h"
#include "datapath/pins.h"
#include "datapath/tc_query.h"
#include "datapath/tcx.h"

typedef struct if_nameindex name_index;

DEFINE_CLEANUP(free_names, name_index *, if_freenameindex)

static void clean_link(const struct pin_folder *pins, uint32_t ifindex, enum hook hook,
		       void *user)
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

bool clean_has_filters(void)
{
	cleanup(free_names) name_index *names = if_nameindex();
	struct tc_filter found;

	for (const name_index *at = names; at && at->if_index; at++)
		for (enum hook hook = 0; hook < HOOKS; hook++)
			if (!tc_find_ours(at->if_index, hook, &found) && found.program_id)
				return true;
	return false;
}

static void clean_maps(const struct pin_folder *pins, struct clean_count *count)
{
	for (const char *const *name = pins_names; *name; name++)
		count->pins += pin_folder_remove_map(pins, *name);
}

struct clean_count clean(const struct pin_folder *pins)
{
	struct clean_count count = {0};

	message_listen();
	if (pins)
		pin_folder_each(pins, clean_link, &count);
	clean_filters(&count);
	if (pins) {
		clean_maps(pins, &count);
		pin_folder_remove_empty(pins);
	}
	return count;
}
