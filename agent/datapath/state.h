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
#include "datapath/rows.h"
#include "datapath/slots.h"
#include "datapath/table.h"

/* Marks whose keys are on their way into a table. */
struct insertion {
	struct datapath_change *changes;
	size_t n; /* 0: there are none */
	struct table_batch *batch;
};

struct datapath {
	struct marker *programs;
	struct maps maps;
	struct rows rows;
	uint32_t slot_count;
	struct slots slots;
	struct filter filter;
	struct clock clock;
	struct leases leases;
	struct adoption adoption;
	struct migration migration;
	struct table matches, networks;
	bool observing;
	struct table_batch batches[2]; /* one may be under way while the other one is filled */
	struct table_batch *batch; /* the one that is not under way */
	struct insertion insertion;
};

/* The table that has, or would have, this match. */
static inline struct table *table_of(struct datapath *datapath, const struct match *match)
{
	return match->kind == MARK_NETWORK ? &datapath->networks : &datapath->matches;
}

void counters_add(struct traffic_count *sum, const struct traffic *traffic);

/* Makes the program of this agent the one that packets go on with. 0 or negative errno. */
int stage_plug(const struct marker *programs, enum stage stage);
int stage_program(const struct marker *programs, enum stage stage);

#endif
