/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The revisions of the living marks, to tell their records from dead ones: a sorted array
 * of some ten octets a mark. The writer's alone.
 */
#ifndef WAYMARK_STORE_LIVE_H
#define WAYMARK_STORE_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero at first. */
struct live {
	uint64_t *revisions; /* rising; the highest bit says that it is dead: a gap */
	size_t n, gaps, max;
};

void live_done(struct live *live);

/* Number of living marks. */
static inline size_t live_count(const struct live *live)
{
	return live->n - live->gaps;
}

/* Makes room for `more` calls of live_add(). 0 or -ENOMEM. */
int live_reserve(struct live *live, size_t more);

/* The revision must be the highest yet, and there must be room. */
void live_add(struct live *live, uint64_t revision);

/* Does nothing if it is not there. */
void live_remove(struct live *live, uint64_t revision);

/* `*place` remembers where the search ended, so that asking for rising revisions is cheap;
 * 0 at first, and again after every change. */
bool live_has(const struct live *live, uint64_t revision, size_t *place);

#endif
