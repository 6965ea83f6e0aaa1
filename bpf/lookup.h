/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * From the key of a flow to the one mark that applies to it: the most specific that has not
 * expired.
 */
#ifndef WAYMARK_LOOKUP_H
#define WAYMARK_LOOKUP_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"
#include "count.h"
#include "maps.h"
#include "parse.h"

#define ADDRESS_BITS 128

struct hit {
	struct mark_row *row;
	__u64 word; /* of the row, as it was found; 0: none */
	__u64 matched; /* not 0: some mark matched, though its deadline may have passed */
	__u32 index; /* of the row */
};

/* The agent may store while we look; each word is loaded once. */
static __always_inline __u64 load_once(const __u64 *word)
{
	return *(const volatile __u64 *)word;
}

/* The kinds of mark that the filter has for a hashed destination. */
static __always_inline __u32 filter_kinds(__u64 hash)
{
	__u32 bucket = hash >> filter_shift;
	__u32 index = bucket / FILTER_BUCKETS_PER_WORD;
	const __u64 *word = bpf_map_lookup_elem(&filter, &index);

	if (!word)
		return 0;
	return load_once(word) >> (bucket % FILTER_BUCKETS_PER_WORD * FILTER_BITS);
}

/* The first bits, at most 64, of half an address; the others zero. */
static __always_inline __u64 first_bits(__u64 half, __s64 bits)
{
	if (bits <= 0)
		return 0;
	return bits >= 64 ? half : half & bpf_cpu_to_be64(~0ull << (64 - bits));
}

/* May any network have this destination? */
static __always_inline bool is_possible_network(const struct flow *flow)
{
	const __s64 bits = load_once(&common.shortest_prefix);
	const __u64 high = first_bits(flow->destination[0], bits);
	const __u64 low = first_bits(flow->destination[1], bits - 64);

	return filter_kinds(address_hash(high, low)) & FILTER_NETWORK;
}

static __always_inline bool is_in_force(__u32 lease)
{
	const __u64 *deadline;

	if (!lease)
		return true;
	deadline = bpf_map_lookup_elem(&leases, &lease);
	return deadline && bpf_jiffies64() < load_once(deadline);
}

/* The first row of this CPU's stripe. */
static __always_inline __u32 own_first(void)
{
	return own_stripe() * slots;
}

/* Takes the mark in this slot, unless it is free or expired. `first`: row of the stripe. */
static __always_inline bool take_mark(__u32 slot, __u32 first, struct hit *hit)
{
	__u32 index = first + slot;
	struct mark_row *row = bpf_map_lookup_elem(&marks, &index);
	__u64 word = row ? load_once(&row->word) : 0;

	hit->matched |= word;
	if (!word || !is_in_force(word >> WORD_LEASE_SHIFT))
		return false;
	hit->row = row;
	hit->word = word;
	hit->index = index;
	return true;
}

/* `hash` is that of the destination. What is known to be 0 costs nothing. */
static __always_inline bool find_exact(const struct flow *flow, __u64 hash, __u64 source_high,
				       __u64 source_low, __u64 end, __u32 first,
				       struct hit *hit)
{
	const __u64 key[] = {flow->destination[0], flow->destination[1], source_high,
			     source_low, end}; /* struct exact_key */
	const __u64 *found = bpf_map_lookup_elem(&matches, key);
	__u64 entry;

	if (!found)
		return false;
	entry = load_once(found);
	if (!entry_belongs(entry, key_hash(hash, source_high, source_low, end)))
		return false; /* another key's by now: this one has just been removed */
	return take_mark(entry, first, hit);
}

/* The exact ones of these kinds, most specific first. */
static __always_inline void find_exact_mark(const struct flow *flow, __u32 kinds,
					    struct hit *hit)
{
	const __u64 hash = address_hash(flow->destination[0], flow->destination[1]);

	kinds &= filter_kinds(hash);
	if (!*flow->protocol)
		kinds &= FILTER_HOST;
	if (kinds & FILTER_FLOW &&
	    find_exact(flow, hash, flow->source[0], flow->source[1],
		       key_end_of(*flow->ports, *flow->protocol), 0, hit))
		return;
	if (kinds & FILTER_ENDPOINT &&
	    find_exact(flow, hash, 0, 0,
		       key_end_of(*flow->ports & bpf_htonl(0xFFFF), *flow->protocol), 0, hit))
		return;
	if (kinds & FILTER_HOST)
		find_exact(flow, hash, 0, 0, 0, own_first(), hit);
}

/* The longest prefix. One that has expired must not hide a shorter one, so the search goes on
 * below its length. */
static __always_inline void find_network_mark(struct prefix_key *key, struct hit *hit)
{
	__u32 first = own_first();
	int i;

	key->length = ADDRESS_BITS;
	for (i = 0; i <= ADDRESS_BITS; i++) {
		const __u64 *found = bpf_map_lookup_elem(&networks, key);
		__u64 entry;

		if (!found)
			return;
		entry = load_once(found);
		if (take_mark(entry & ENTRY_SLOT_MASK, first, hit))
			return;
		key->length = entry >> ENTRY_LENGTH_SHIFT & ENTRY_LENGTH_MASK;
		if (!key->length || key->length > ADDRESS_BITS)
			return;
		key->length--;
	}
}

#endif
