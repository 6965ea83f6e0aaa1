/* SPDX-License-Identifier: Apache-2.0 */
#include "service/scitag_stats.h"

#include <errno.h>
#include <stdlib.h>

#include "datapath/datapath.h"
#include "service/wire.h"

/* Rows that the list grows by; few hosts carry more SciTags. */
#define ROWS_STEP 64

struct scitag_row {
	uint16_t experiment; /* 0: none */
	uint8_t activity;
	struct pair_count count;
};

/* One ScitagStats message with everything that it points to. */
struct wire_scitag_row {
	Waymark__V1__ScitagStats message;
	Waymark__V1__Scitag scitag;
	Waymark__V1__Counters sent, observed;
};

static int add_row(struct scitag_stats *stats, const struct scitag_row *row)
{
	if (row->count.sent.packets == 0 && row->count.observed.packets == 0)
		return 0;
	if (stats->n == stats->rows_max) {
		struct scitag_row *rows =
			reallocarray(stats->rows, stats->rows_max + ROWS_STEP, sizeof(*rows));

		if (!rows)
			return -ENOMEM;
		stats->rows = rows;
		stats->rows_max += ROWS_STEP;
	}
	stats->rows[stats->n++] = *row;
	return 0;
}

/* Raw labels may decode to experiment 0, with any activity. Arrivals of that kind are counted
 * as "other", with all that the observer does not know. */
static int add_other(struct scitag_stats *stats, const struct datapath *datapath)
{
	struct scitag_row row = {.count.observed = datapath_observed_other(datapath)};

	for (unsigned activity = 0; activity <= SCITAG_ACTIVITY_MAX; activity++) {
		struct traffic_count sent = datapath_pair(datapath, 0, (uint8_t)activity).sent;

		row.count.sent.packets += sent.packets;
		row.count.sent.bytes += sent.bytes;
	}
	return add_row(stats, &row);
}

static int add_experiment(struct scitag_stats *stats, const struct datapath *datapath,
			  uint16_t experiment)
{
	int r = 0;

	for (unsigned activity = 0; r == 0 && activity <= SCITAG_ACTIVITY_MAX; activity++) {
		struct scitag_row row = {experiment, (uint8_t)activity, {{0, 0}, {0, 0}}};

		row.count = datapath_pair(datapath, experiment, row.activity);
		r = add_row(stats, &row);
	}
	return r;
}

static void write_row(struct wire_scitag_row *wire, const struct scitag_row *row,
		      const struct registry *registry)
{
	waymark__v1__scitag_stats__init(&wire->message);
	wire_write_scitag(&wire->scitag, row->experiment, row->activity, registry);
	wire_write_counters(&wire->sent, row->count.sent);
	wire_write_counters(&wire->observed, row->count.observed);
	wire->message.scitag = &wire->scitag;
	wire->message.sent = &wire->sent;
	wire->message.observed = &wire->observed;
}

static int write_rows(struct scitag_stats *stats, const struct registry *registry)
{
	stats->wires = calloc(stats->n + 1, sizeof(*stats->wires));
	stats->messages = calloc(stats->n + 1, sizeof(struct Waymark__V1__ScitagStats *));
	if (!stats->wires || !stats->messages)
		return -ENOMEM;
	for (size_t i = 0; i < stats->n; i++) {
		write_row(&stats->wires[i], &stats->rows[i], registry);
		stats->messages[i] = &stats->wires[i].message;
	}
	return 0;
}

int scitag_stats_read(struct scitag_stats *stats, const struct datapath *datapath,
		      const struct registry *registry)
{
	int r = add_other(stats, datapath);

	for (uint16_t experiment = 1; r == 0 && experiment <= SCITAG_EXPERIMENT_MAX;
	     experiment++)
		r = add_experiment(stats, datapath, experiment);
	return r == 0 ? write_rows(stats, registry) : r;
}

void scitag_stats_done(struct scitag_stats *stats)
{
	free(stats->messages);
	free(stats->wires);
	free(stats->rows);
}
