/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jiffies, which the programs tell the time by because it costs them nothing. Between two
 * suspends they keep step with CLOCK_BOOTTIME; in suspend they stand still.
 */
#ifndef WAYMARK_CLOCK_H
#define WAYMARK_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct marker; /* the skeleton */

struct clock {
	const struct marker *programs; /* borrowed, loaded: has the program that reads both */
	int64_t tick; /* ns of a jiffy */
	uint64_t jiffies; /* it became this ... */
	int64_t boottime; /* ... at this time, or so little before that nobody can see it */
	int64_t suspended; /* CLOCK_BOOTTIME - CLOCK_MONOTONIC then */
};

/* Waits for the next jiffy. 0 or negative errno. */
int clock_init(struct clock *clock, const struct marker *programs);

/* Looks whether both still agree. 0; 1: they did not, clock_jiffies() says something else
 * from now on; or negative errno. */
int clock_sync(struct clock *clock);

/* Has the machine been suspended since they were aligned? */
bool clock_has_slept(const struct clock *clock);

/* The first jiffy that begins at this time (ns of CLOCK_BOOTTIME) or after it, therefore less
 * than a jiffy later. */
uint64_t clock_jiffies(const struct clock *clock, int64_t boottime);

#endif
