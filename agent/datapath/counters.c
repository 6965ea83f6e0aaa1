/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/shared.h"
#include "datapath/state.h"

void counters_add(struct traffic_count *sum, const struct traffic *traffic)
{
	sum->packets += shared_load(&traffic->packets);
	sum->bytes += shared_load(&traffic->bytes);
}

struct traffic_count datapath_counters(const struct datapath *datapath, uint32_t slot)
{
	return rows_count(&datapath->rows, slot);
}

static void interface_add(struct interface_count *sum, const struct interface_traffic *traffic)
{
	for (int i = 0; i < VERDICTS; i++)
		sum->seen += shared_load(&traffic->packets[i]);
	sum->marked.packets += shared_load(&traffic->packets[VERDICT_MARKED]);
	sum->marked.bytes += shared_load(&traffic->marked_bytes);
	sum->not_ipv6 += shared_load(&traffic->packets[VERDICT_NOT_IPV6]);
	sum->truncated += shared_load(&traffic->packets[VERDICT_TRUNCATED]);
	sum->no_match += shared_load(&traffic->packets[VERDICT_NO_MATCH]);
	sum->expired += shared_load(&traffic->packets[VERDICT_EXPIRED]);
	sum->write_failed += shared_load(&traffic->packets[VERDICT_WRITE_FAILED]);
}

struct interface_count datapath_interface(const struct datapath *datapath, uint32_t ifindex)
{
	struct interface_count sum = {0};

	if (ifindex >= INTERFACES)
		ifindex = INTERFACE_OTHER;
	for (uint32_t i = 0; i < COUNTER_STRIPES; i++)
		interface_add(&sum, &datapath->maps.common->stripes[i].interfaces[ifindex]);
	return sum;
}

static void marked_add(struct traffic_count *sum, const struct common_stripe *stripe)
{
	for (uint32_t i = 0; i < INTERFACES; i++) {
		const struct interface_traffic *traffic = &stripe->interfaces[i];

		sum->packets += shared_load(&traffic->packets[VERDICT_MARKED]);
		sum->bytes += shared_load(&traffic->marked_bytes);
	}
}

struct traffic_count datapath_marked(const struct datapath *datapath)
{
	struct traffic_count sum = {0};

	for (uint32_t i = 0; i < COUNTER_STRIPES; i++)
		marked_add(&sum, &datapath->maps.common->stripes[i]);
	return sum;
}
