/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The destination filter and the words that go with it: which kinds of mark exist, and how
 * short the shortest prefix is. The program asks them before any lookup, so they must never
 * deny a live mark, not for a moment; what they allow in vain costs only time.
 *
 * Not locked: the writer's alone. Times are in ns of any monotonic clock.
 */
#ifndef WAYMARK_FILTER_H
#define WAYMARK_FILTER_H

#include <stdint.h>

#include "bpf/abi.h"
#include "core/mark.h"

struct filter_network {
	uint8_t destination[16];
	uint32_t slot;
	uint32_t length;
};

struct filter {
	uint64_t *words, *control; /* borrowed, shared with the program */
	uint32_t bucket_mask;
	uint32_t slots;
	uint8_t *kinds; /* [slot], FILTER_* or 0 */
	uint32_t *places; /* [slot], hash of the destination; NETWORK: index in networks */
	struct filter_network *networks;
	uint32_t network_count;
	uint32_t by_kind[FILTER_BITS];
	uint32_t by_length[129]; /* networks */
	uint32_t stale; /* bits that may be set in vain, about */
	uint64_t rebuild_time;
	uint64_t prefix_time; /* when the word for the shortest prefix changed */
};

/* words has buckets / FILTER_BUCKETS_PER_WORD entries, all zero, as has control; buckets is
 * a power of two. Up to `networks` of the slots are NETWORKs. 0 or -ENOMEM. */
int filter_init(struct filter *filter, uint64_t *words, uint32_t buckets, uint64_t *control,
		uint32_t slots, uint32_t networks);
void filter_done(struct filter *filter);

/* Number of buckets for so many marks; few of them share one. */
uint32_t filter_buckets(uint32_t marks);

/* Call before the match goes into its map. */
void filter_add(struct filter *filter, const struct match *match, uint32_t slot, uint64_t now);

/* Call after the match has left its map. */
void filter_remove(struct filter *filter, uint32_t slot);

/* Forgets what is stale when that is worth it; call it after changes. */
void filter_tidy(struct filter *filter, uint64_t now);

#endif
