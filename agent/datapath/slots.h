/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hands out slots, the rows of the mark arrays. A slot that was visible to packets rests
 * for SHARED_GRACE_NS before it is handed out again, so that a packet under way neither
 * carries nor counts for the next mark. Slot 0 is never handed out.
 *
 * The lowest comes first: marks that are made together are neighbours in the arrays, whatever
 * order others went in, and share their cache lines.
 *
 * Not locked. Times are in ns of any monotonic clock.
 */
#ifndef WAYMARK_SLOTS_H
#define WAYMARK_SLOTS_H

#include <stdint.h>

/* A set of slots: one bit each, and above them one bit for each word that is not 0. */
struct slots_set {
	uint64_t *words, *filled;
	uint32_t first; /* the words of `filled` below this one are 0 */
	uint32_t n;
	uint64_t newest; /* when the last one came */
};

struct slots {
	uint32_t count;
	struct slots_set idle; /* were never handed out, or have rested */
	struct slots_set young, old; /* resting; every old one came before every young one */
};

/* Slots 1..count-1. 0 or -ENOMEM. */
int slots_init(struct slots *slots, uint32_t count);
void slots_done(struct slots *slots);

/* A slot, or 0: all are in use or at rest. */
uint32_t slots_take(struct slots *slots, uint64_t now);

/* The same, but where all are in use or at rest it waits until packets under way are through
 * and ends the rests. 0: all are in use. */
uint32_t slots_take_waiting(struct slots *slots, uint64_t now);

/* For arrays that were in use before: the slots with in_use[] are handed out already, all
 * others go to rest. Before the first slots_take(). */
void slots_adopt(struct slots *slots, const uint8_t in_use[], uint64_t now);

/* Lays a slot to rest that packets may have seen. */
void slots_put(struct slots *slots, uint32_t slot, uint64_t now);

/* Gives back a slot that no packet can have seen: no rest. */
void slots_untake(struct slots *slots, uint32_t slot);

/* Ends every rest: the caller knows that no packet is under way any more. */
void slots_wake(struct slots *slots);

#endif
