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

static struct traffic_count sent_sum(const struct datapath *datapath, uint32_t pair)
{
	struct traffic_count sum = {0};

	for (uint32_t stripe = 0; stripe < COUNTER_STRIPES; stripe++)
		counters_add(&sum, &datapath->maps.common->stripes[stripe].sent[pair]);
	return sum;
}

static struct traffic_count observed_sum(const struct datapath *datapath, uint32_t pair)
{
	struct traffic_count sum = {0};

	for (uint32_t stripe = 0; stripe < COUNTER_STRIPES; stripe++)
		counters_add(&sum, &datapath->maps.observed_traffic[stripe * PAIRS + pair]);
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
		.sent = sent_sum(datapath, pair),
		.observed = observed_sum(datapath, pair),
	};
}

struct traffic_count datapath_observed_other(const struct datapath *datapath)
{
	return observed_sum(datapath, PAIR_OTHER);
}

void datapath_observe(struct datapath *datapath, bool on)
{
	datapath->observing = on;
	shared_store(&datapath->maps.common->observe, on);
}

int datapath_observer(const struct datapath *datapath, int has_ethernet_header)
{
	const struct marker *programs = datapath->programs;

	return bpf_program__fd(has_ethernet_header ? programs->progs.observe_l2
						   : programs->progs.observe_l3);
}
