/* SPDX-License-Identifier: Apache-2.0 */
/* SciTags sent and observed. */
#include <marker.skel.h>

#include "core/scitag.h"
#include "datapath/shared.h"
#include "datapath/state.h"

static uint32_t pair_of(uint16_t experiment, uint8_t activity)
{
	return label_pair(scitag_encode(experiment, activity));
}

static struct traffic_count pair_sum(const struct traffic *counters, uint32_t pair)
{
	struct traffic_count sum = {0};

	for (uint32_t stripe = 0; stripe < COUNTER_STRIPES; stripe++)
		counters_add(&sum, &counters[stripe * PAIRS + pair]);
	return sum;
}

void datapath_know_pair(struct datapath *datapath, uint16_t experiment, uint8_t activity)
{
	uint32_t pair = pair_of(experiment, activity);
	uint64_t *word = &datapath->maps.known_pairs[pair / 64];

	shared_store(word, shared_load(word) | 1ull << pair % 64);
}

struct pair_count datapath_pair(const struct datapath *datapath, uint16_t experiment,
				uint8_t activity)
{
	uint32_t pair = pair_of(experiment, activity);

	return (struct pair_count){
		.sent = pair_sum(datapath->maps.sent_traffic, pair),
		.observed = pair_sum(datapath->maps.observed_traffic, pair),
	};
}

struct traffic_count datapath_observed_other(const struct datapath *datapath)
{
	return pair_sum(datapath->maps.observed_traffic, PAIR_OTHER);
}

void datapath_observe(struct datapath *datapath, bool on)
{
	datapath->observing = on;
	shared_store(&datapath->maps.control[CONTROL_OBSERVE], on);
}

int datapath_observer(const struct datapath *datapath, int has_ethernet_header)
{
	const struct marker *programs = datapath->programs;

	return bpf_program__fd(has_ethernet_header ? programs->progs.observe_l2
						   : programs->progs.observe_l3);
}
