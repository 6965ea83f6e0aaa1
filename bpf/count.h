/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Counters, added to in place: nothing is ever read back, so that they need no atomic
 * operation that kernel 5.10 lacks.
 */
#ifndef WAYMARK_COUNT_H
#define WAYMARK_COUNT_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"
#include "maps.h"

static __always_inline void add(__u64 *counter, __u64 amount)
{
	__sync_fetch_and_add(counter, amount);
}

/* The copy of striped counters that this CPU adds to. */
static __always_inline __u32 own_stripe(void)
{
	return bpf_get_smp_processor_id() % COUNTER_STRIPES;
}

static __always_inline void count_traffic(void *map, __u32 index, struct traffic traffic)
{
	struct traffic *counter = bpf_map_lookup_elem(map, &index);

	if (!counter)
		return;
	add(&counter->packets, traffic.packets);
	add(&counter->bytes, traffic.bytes);
}

static __always_inline void count_pair(void *map, __u32 stripe, __u32 pair,
				       struct traffic traffic)
{
	count_traffic(map, stripe * PAIRS + pair, traffic);
}

/* Bytes count only for what is marked. */
static __always_inline void count_verdict(struct __sk_buff *skb, __u32 stripe,
					  enum verdict verdict, struct traffic traffic)
{
	__u32 ifindex = skb->ifindex < INTERFACES ? skb->ifindex : INTERFACE_OTHER;
	__u32 index = stripe * INTERFACES + ifindex;
	struct interface_traffic *counter = bpf_map_lookup_elem(&interfaces, &index);

	if (!counter || verdict >= VERDICTS)
		return;
	add(&counter->packets[verdict], traffic.packets);
	if (verdict == VERDICT_MARKED)
		add(&counter->marked_bytes, traffic.bytes);
}

#endif
