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

#include <stdbool.h>
#include <stdint.h>

#include "bpf/abi.h"
#include "core/mark.h"

struct filter_network {
	uint8_t destination[16];
	uint32_t slot;
	uint32_t length;
};

struct filter {
	uint64_t *words; /* this and the next borrowed, shared with the program */
	struct common *common;
	uint32_t buckets, shift;
	uint32_t slots;
	uint8_t *kinds; /* [slot], FILTER_* or 0 */
	uint32_t *places; /* [slot], hash of the destination; NETWORK: index in networks */
	struct filter_network *networks;
	uint32_t network_count;
	uint32_t by_kind[FILTER_BITS];
	uint32_t by_length[129]; /* networks */
	uint32_t shortest; /* what the program was told last */
	uint32_t stale; /* bits that may be set in vain, about */
	uint64_t rebuild_time;
	uint64_t prefix_time; /* when the word for the shortest prefix changed */
};

/* words has buckets / FILTER_BUCKETS_PER_WORD entries; buckets is a power of two. Words and
 * common are all zero, or in use: then filter_adopt() and filter_resume() are due. Up to
 * `networks` of the slots are NETWORKs. 0 or -ENOMEM. */
int filter_init(struct filter *filter, uint64_t *words, uint32_t buckets, struct common *common,
		uint32_t slots, uint32_t networks);
void filter_done(struct filter *filter);

/* Number of buckets for so many marks; few of them share one. */
uint32_t filter_buckets(uint32_t marks);

/* What leaves of an address_hash() the number of a bucket. */
uint32_t filter_shift(uint32_t buckets);

/* Call before the match goes into its map. */
void filter_add(struct filter *filter, const struct match *match, uint32_t slot, uint64_t now);

/* Fetches what filter_add() of this match will look at. */
void filter_prefetch(const struct filter *filter, const struct match *match);

/* Call after the match has left its map. */
void filter_remove(struct filter *filter, uint32_t slot);

/* Takes over a match that has been in its map before filter_init(). */
void filter_adopt(struct filter *filter, const struct match *match, uint32_t slot);

/* After the last filter_adopt(): from now on the shared words are as this filter has them;
 * until then and meanwhile they allow every match that was adopted. */
void filter_resume(struct filter *filter, uint64_t now);

/* Does this slot have this match? May err in favour of yes. */
bool filter_has(const struct filter *filter, const struct match *match, uint32_t slot);

/* Put right what somebody else has changed; return how many words that were: those that the
 * match in a slot needs, and those for all. */
unsigned filter_repair(const struct filter *filter, uint32_t slot);
unsigned filter_repair_common(const struct filter *filter);

/* Forgets what is stale when that is worth it; call it after changes. */
void filter_tidy(struct filter *filter, uint64_t now);

#endif
