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

#define FILTER_EXACT (FILTER_FLOW | FILTER_ENDPOINT | FILTER_HOST)
#define ADDRESS_BITS 128

struct hit {
	__u64 word; /* 0: none */
	__u64 matched; /* not 0: some mark matched, though its deadline may have passed */
	__u32 counter; /* index in mark_traffic */
};

/* The agent may store while we look; each word is loaded once. */
static __always_inline __u64 load_once(const __u64 *word)
{
	return *(const volatile __u64 *)word;
}

static __always_inline __u64 control_word(enum control_word index)
{
	__u32 key = index;
	const __u64 *word = bpf_map_lookup_elem(&control, &key);

	return word ? load_once(word) : 0;
}

/* The kinds of mark that the filter has for a destination. */
static __always_inline __u32 filter_kinds(__u64 high, __u64 low)
{
	__u32 bucket = filter_hash(high, low) & filter_bucket_mask;
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

/* Of `kinds`, those that may have a mark for this destination. */
static __always_inline __u32 possible_kinds(const struct exact_key *key, __u32 kinds)
{
	const address_word *destination = (const address_word *)key->destination;
	__u64 high = destination[0], low = destination[1];
	__u32 possible = 0;

	if (kinds & FILTER_EXACT)
		possible = filter_kinds(high, low) & kinds & FILTER_EXACT;
	if (kinds & FILTER_NETWORK) {
		__s64 bits = control_word(CONTROL_SHORTEST_PREFIX);

		possible |= filter_kinds(first_bits(high, bits), first_bits(low, bits - 64)) &
			    FILTER_NETWORK;
	}
	return possible;
}

static __always_inline bool is_in_force(__u32 lease)
{
	const __u64 *deadline;

	if (!lease)
		return true;
	deadline = bpf_map_lookup_elem(&leases, &lease);
	return deadline && bpf_jiffies64() < load_once(deadline);
}

/* Takes the mark in this slot, unless it is free or expired. */
static __always_inline bool take_mark(__u32 slot, __u32 stripe, struct hit *hit)
{
	const __u64 *mark = bpf_map_lookup_elem(&marks, &slot);
	__u64 word = mark ? load_once(mark) : 0;

	hit->matched |= word;
	if (!word || !is_in_force(word >> WORD_LEASE_SHIFT))
		return false;
	hit->word = word;
	hit->counter = stripe * slots + slot;
	return true;
}

static __always_inline bool find_exact(const struct exact_key *key, __u32 stripe,
				       struct hit *hit)
{
	const __u64 *found = bpf_map_lookup_elem(&matches, key);
	__u64 entry;

	if (!found)
		return false;
	entry = load_once(found);
	if (entry != entry_tagged(key, entry & ENTRY_SLOT_MASK))
		return false; /* another key's by now: this one has just been removed */
	return take_mark(entry & ENTRY_SLOT_MASK, stripe, hit);
}

/* An expired prefix must not hide a shorter one, so the search goes on below its length. */
static __always_inline bool find_network_mark(const struct exact_key *exact, struct hit *hit)
{
	struct prefix_key key = {.length = ADDRESS_BITS};
	__u32 stripe = own_stripe();
	int i;

	__builtin_memcpy(key.destination, exact->destination, sizeof(key.destination));
	for (i = 0; i <= ADDRESS_BITS; i++) {
		const __u64 *found = bpf_map_lookup_elem(&networks, &key);
		__u64 entry;

		if (!found)
			return false;
		entry = load_once(found);
		if (take_mark(entry & ENTRY_SLOT_MASK, stripe, hit))
			return true;
		key.length = entry >> ENTRY_LENGTH_SHIFT & ENTRY_LENGTH_MASK;
		if (!key.length || key.length > ADDRESS_BITS)
			return false;
		key.length--;
	}
	return false;
}

/* Most specific first. Clears in the key what each next kind leaves out. */
static __always_inline void find_mark(struct exact_key *key, __u32 kinds, struct hit *hit)
{
	if (!*key_end(key))
		kinds &= ~(FILTER_FLOW | FILTER_ENDPOINT);
	if (kinds & FILTER_FLOW && find_exact(key, 0, hit))
		return;
	__builtin_memset(key->source, 0, sizeof(key->source));
	*key_end(key) &= ~key_end_of(bpf_htonl(0xFFFF0000), 0);
	if (kinds & FILTER_ENDPOINT && find_exact(key, 0, hit))
		return;
	*key_end(key) = 0;
	if (kinds & FILTER_HOST && find_exact(key, own_stripe(), hit))
		return;
	if (kinds & FILTER_NETWORK)
		find_network_mark(key, hit);
}

#endif
