/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a datapath consists of; seen by this room alone.
 */
#ifndef WAYMARK_STATE_H
#define WAYMARK_STATE_H

#include "datapath/adoption.h"
#include "datapath/clock.h"
#include "datapath/datapath.h"
#include "datapath/filter.h"
#include "datapath/leases.h"
#include "datapath/maps.h"
#include "datapath/migration.h"
#include "datapath/slots.h"
#include "datapath/table.h"

struct datapath {
	struct marker *programs;
	struct maps maps;
	uint32_t slot_count;
	struct slots slots;
	struct filter filter;
	struct clock clock;
	struct leases leases;
	struct adoption adoption;
	struct migration migration;
	struct table matches, networks;
	bool observing;
	struct table_batch batch; /* scratch of datapath_apply() */
};

/* The table that has, or would have, this match. */
static inline struct table *table_of(struct datapath *datapath, const struct match *match)
{
	return match->kind == MARK_NETWORK ? &datapath->networks : &datapath->matches;
}

/* Sets the counters of a slot that no packet sees yet. */
void counters_start(struct datapath *datapath, uint32_t slot, struct traffic_count count);

void counters_add(struct traffic_count *sum, const struct traffic *traffic);

/* Makes the programs of this agent the ones that packets are written by. 0 or negative
 * errno. */
int writer_plug(const struct marker *programs);

#endif
