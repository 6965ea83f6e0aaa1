/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What a mark does to the first word of the IPv6 header, in host byte order here:
 * version (4), DSCP (6), ECN (2), flow label (20).
 */
#ifndef WAYMARK_LABEL_H
#define WAYMARK_LABEL_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"

#define FIRST_WORD_LABEL_MASK 0xFFFFFu
#define FIRST_WORD_DSCP_SHIFT 22
#define FIRST_WORD_DSCP_MASK (0x3Fu << FIRST_WORD_DSCP_SHIFT)

/* Five bits of the flow hash, at the places of the label's entropy. */
static __always_inline __u32 hash_entropy(__u32 hash)
{
	return (hash & 0x3) | (hash >> 2 & 1) << 8 | (hash >> 3 & 0x3) << 18;
}

/* The kernel's own label is already random per flow and follows its re-pathing. Without one
 * the flow hash keeps flows to one host apart on ECMP paths. */
static __always_inline __u32 entropy(struct __sk_buff *skb, __u32 label)
{
	return label ? label & LABEL_ENTROPY_MASK : hash_entropy(bpf_get_hash_recalc(skb));
}

static __always_inline __u32 marked_word(struct __sk_buff *skb, __u64 mark, __u32 word)
{
	__u32 label = word & FIRST_WORD_LABEL_MASK;
	__u32 value = mark & WORD_LABEL_MASK;
	__u32 mask = 0;

	if (mark & (WORD_HAS_RAW | WORD_HAS_SCITAG))
		mask |= FIRST_WORD_LABEL_MASK;
	if (mark & WORD_HAS_SCITAG)
		value |= entropy(skb, label);
	if (mark & WORD_HAS_DSCP) {
		mask |= FIRST_WORD_DSCP_MASK;
		value |= (mark >> WORD_DSCP_SHIFT & WORD_DSCP_MASK) << FIRST_WORD_DSCP_SHIFT;
	}
	return (word & ~mask) | (value & mask);
}

#endif
