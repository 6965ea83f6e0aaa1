/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/shared.h"
#include "datapath/state.h"

/* The compiler and the kernel agree on 64 bits but not on their name. */
static uint64_t load(const __u64 *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static void store(__u64 *counter, uint64_t value)
{
	__atomic_store_n(counter, value, __ATOMIC_RELAXED);
}

static struct traffic *stripe_of(const struct datapath *datapath, uint32_t slot,
				 uint32_t stripe)
{
	return &datapath->maps.mark_traffic[(size_t)stripe * datapath->slot_count + slot];
}

void counters_start(struct datapath *datapath, uint32_t slot, struct traffic_count count)
{
	for (uint32_t i = 0; i < COUNTER_STRIPES; i++) {
		struct traffic *traffic = stripe_of(datapath, slot, i);

		store(&traffic->packets, i ? 0 : count.packets);
		store(&traffic->bytes, i ? 0 : count.bytes);
	}
}

void counters_add(struct traffic_count *sum, const struct traffic *traffic)
{
	sum->packets += load(&traffic->packets);
	sum->bytes += load(&traffic->bytes);
}

struct traffic_count datapath_counters(const struct datapath *datapath, uint32_t slot)
{
	struct traffic_count sum = {0};

	for (uint32_t i = 0; i < COUNTER_STRIPES; i++)
		counters_add(&sum, stripe_of(datapath, slot, i));
	return sum;
}

static void interface_add(struct interface_count *sum, const struct interface_traffic *traffic)
{
	for (int i = 0; i < VERDICTS; i++)
		sum->seen += load(&traffic->packets[i]);
	sum->marked.packets += load(&traffic->packets[VERDICT_MARKED]);
	sum->marked.bytes += load(&traffic->marked_bytes);
	sum->not_ipv6 += load(&traffic->packets[VERDICT_NOT_IPV6]);
	sum->truncated += load(&traffic->packets[VERDICT_TRUNCATED]);
	sum->no_match += load(&traffic->packets[VERDICT_NO_MATCH]);
	sum->expired += load(&traffic->packets[VERDICT_EXPIRED]);
	sum->write_failed += load(&traffic->packets[VERDICT_WRITE_FAILED]);
}

struct interface_count datapath_interface(const struct datapath *datapath, uint32_t ifindex)
{
	struct interface_count sum = {0};

	if (ifindex >= INTERFACES)
		ifindex = INTERFACE_OTHER;
	for (uint32_t i = 0; i < COUNTER_STRIPES; i++)
		interface_add(&sum, &datapath->maps.interfaces[i * INTERFACES + ifindex]);
	return sum;
}

struct traffic_count datapath_marked(const struct datapath *datapath)
{
	struct traffic_count sum = {0};

	for (uint32_t i = 0; i < COUNTER_STRIPES * INTERFACES; i++) {
		const struct interface_traffic *traffic = &datapath->maps.interfaces[i];

		sum.packets += load(&traffic->packets[VERDICT_MARKED]);
		sum.bytes += load(&traffic->marked_bytes);
	}
	return sum;
}
