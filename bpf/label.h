/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What a mark does to the first word of the IPv6 header, in host byte order here:
 * version (4), DSCP (6), ECN (2), flow label (20).
 */
#ifndef WAYMARK_LABEL_H
#define WAYMARK_LABEL_H

#include <linux/bpf.h>
#include <stdbool.h>
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

/* The kernel's own label is already random per flow and follows its re-pathing: its entropy
 * stays. Without one the flow hash keeps flows to one host apart on ECMP paths. */
static __always_inline bool needs_entropy(__u32 mark, __u32 word)
{
	return mark & WORD_HAS_SCITAG && !(word & FIRST_WORD_LABEL_MASK);
}

/* `entropy` is for a word that needs some. */
static __always_inline __u32 marked_word(__u32 mark, __u32 word, __u32 entropy)
{
	if (needs_entropy(mark, word))
		word |= entropy;
	if (mark & WORD_HAS_SCITAG)
		word = (word & ~LABEL_STRUCTURAL_MASK) | (mark & LABEL_STRUCTURAL_MASK);
	else if (mark & WORD_HAS_RAW)
		word = (word & ~FIRST_WORD_LABEL_MASK) | (mark & WORD_LABEL_MASK);
	if (mark & WORD_HAS_DSCP)
		word = (word & ~FIRST_WORD_DSCP_MASK) |
		       (mark >> WORD_DSCP_SHIFT & WORD_DSCP_MASK) << FIRST_WORD_DSCP_SHIFT;
	return word;
}

#endif
