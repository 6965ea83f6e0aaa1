/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a datapath consists of; seen by this room alone.
 */
#ifndef WAYMARK_STATE_H
#define WAYMARK_STATE_H

#include "datapath/datapath.h"
#include "datapath/filter.h"
#include "datapath/maps.h"
#include "datapath/slots.h"
#include "datapath/table.h"

struct datapath {
	struct marker *programs;
	struct maps maps;
	uint32_t slot_count;
	struct slots slots;
	struct filter filter;
	struct table matches, networks;
	struct table_batch batch; /* scratch of datapath_apply() */
};

/* Sets the counters of a slot that no packet sees yet. */
void counters_start(struct datapath *datapath, uint32_t slot, struct traffic_count count);

#endif
