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

/* The copy of striped counters that this CPU adds to. */
static __always_inline __u32 own_stripe(void)
{
	return bpf_get_smp_processor_id() % COUNTER_STRIPES;
}

static __always_inline void count_traffic(struct traffic *counter, struct traffic traffic)
{
	__sync_fetch_and_add(&counter->packets, traffic.packets);
	__sync_fetch_and_add(&counter->bytes, traffic.bytes);
}

/* What this CPU counts in beside the row of a mark. */
struct counters {
	struct traffic *sent; /* of all pairs */
	struct interface_traffic *interface;
};

static __always_inline struct counters own_counters(const struct __sk_buff *skb)
{
	struct common_stripe *stripe = &common.stripes[own_stripe()];
	__u32 ifindex = skb->ifindex < INTERFACES ? skb->ifindex : INTERFACE_OTHER;

	return (struct counters){
		.sent = stripe->sent,
		.interface = &stripe->interfaces[ifindex],
	};
}

static __always_inline void count_verdict(const struct counters *counters, enum verdict verdict,
					  __u64 packets)
{
	__sync_fetch_and_add(&counters->interface->packets[verdict], packets);
}

/* Linux 5.10 does not see that the pieces of a pair make no more than PAIRS. */
static __always_inline __u64 bounded_pair(__u32 label)
{
	__u64 pair = label_pair(label);

	asm volatile("" : "+r"(pair));
	return pair & (PAIRS - 1);
}

/* A class alone says nothing of experiments. */
static __always_inline void count_marked(const struct counters *counters, struct mark_row *row,
					 __u32 mark, struct traffic traffic)
{
	count_traffic(&row->traffic, traffic);
	if (mark & (WORD_HAS_RAW | WORD_HAS_SCITAG))
		count_traffic(&counters->sent[bounded_pair(mark)], traffic);
	count_verdict(counters, VERDICT_MARKED, traffic.packets);
	__sync_fetch_and_add(&counters->interface->marked_bytes, traffic.bytes);
}

/* It was counted as marked, but stays as it is; who reads in between sees it as marked. */
static __always_inline void count_failed(const struct counters *counters, struct mark_row *row,
					 __u32 mark, struct traffic traffic)
{
	const struct traffic back = {-traffic.packets, -traffic.bytes};

	count_marked(counters, row, mark, back);
	count_verdict(counters, VERDICT_WRITE_FAILED, traffic.packets);
}

#endif
