/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the agent fares, read once: StatsResponse but for its caller.
 */
#ifndef WAYMARK_STATS_H
#define WAYMARK_STATS_H

#include <waymark/v1/marker.pb-c.h>

#include "service/scitag_stats.h"

struct service;
struct stats_interface;
struct stats_node;

/* All zero at first. */
struct stats {
	Waymark__V1__StatsResponse response; /* points into what follows, and borrows names */

	struct stats_node *node;
	struct stats_interface *interfaces;
	struct scitag_stats scitags;
};

/* Any thread, once the service is filled in. 0 or -ENOMEM; stats_done() follows either way. */
int stats_read(struct stats *stats, const struct service *service);
void stats_done(struct stats *stats);

#endif
