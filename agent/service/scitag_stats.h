/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of StatsResponse.scitags: what was sent and observed of each SciTag. Any thread.
 */
#ifndef WAYMARK_SCITAG_STATS_H
#define WAYMARK_SCITAG_STATS_H

#include <stddef.h>
#include <waymark/v1/marker.pb-c.h>

#include "core/registry.h"

struct datapath;
struct scitag_row;
struct wire_scitag_row;

/* All zero at first. */
struct scitag_stats {
	Waymark__V1__ScitagStats **messages;
	size_t n;

	/* Behind the messages. */
	struct scitag_row *rows;
	size_t rows_max;
	struct wire_scitag_row *wires;
};

/* Reads the counters of every SciTag that a label can say, named in the registry or not, and
 * writes a message for those with any traffic, which borrow names. First, and without
 * experiment, comes what has none. 0 or -ENOMEM; scitag_stats_done() follows either way. */
int scitag_stats_read(struct scitag_stats *stats, const struct datapath *datapath,
		      const struct registry *registry);

void scitag_stats_done(struct scitag_stats *stats);

#endif
