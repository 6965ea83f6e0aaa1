/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * How one program goes on with another, and what it tells it.
 */
#ifndef WAYMARK_STAGE_H
#define WAYMARK_STAGE_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"
#include "count.h"
#include "lookup.h"
#include "maps.h"
#include "parse.h"

/* The IPv6 header is at most 22 octets from the start of the frame; the verifier wants to see
 * a limit. */
#define NETWORK_MASK 31
_Static_assert(ETH_HLEN + TAGS_MAX * 4 <= NETWORK_MASK, "the writer reaches every header");

static __always_inline void order_place(struct __sk_buff *skb, __u32 network,
					struct traffic traffic)
{
	skb->cb[ORDER_PLACE] = network << ORDER_PLACE_SHIFT | (__u32)traffic.packets;
	skb->cb[ORDER_BYTES] = traffic.bytes;
}

static __always_inline __u32 ordered_network(const struct __sk_buff *skb)
{
	return skb->cb[ORDER_PLACE] >> ORDER_PLACE_SHIFT & NETWORK_MASK;
}

static __always_inline struct traffic ordered_traffic(const struct __sk_buff *skb)
{
	const __u32 packets = skb->cb[ORDER_PLACE] & ((1u << ORDER_PLACE_SHIFT) - 1);

	return (struct traffic){packets, skb->cb[ORDER_BYTES]};
}

/* Counts a packet as marked, while the row is at hand, and goes on with the writer, which does
 * not come back unless there is none. The place is ordered already. */
static __always_inline void write_next(struct __sk_buff *skb, const struct hit *hit,
				       const struct counters *counters, struct traffic traffic)
{
	skb->cb[ORDER_WORD] = (__u32)hit->word;
	skb->cb[ORDER_ROW] = hit->index;
	count_marked(counters, hit->row, hit->word, traffic);
	bpf_tail_call(skb, &stages, STAGE_WRITE);
	count_failed(counters, hit->row, hit->word, traffic);
}

#endif
