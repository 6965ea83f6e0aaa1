/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words that the agent writes while the programs read them: whole, and in order. What is
 * stored first is seen first.
 */
#ifndef WAYMARK_SHARED_H
#define WAYMARK_SHARED_H

#include <linux/types.h>
#include <stdint.h>
#include <time.h>

#include "now.h"

/* Longer than any packet stays inside the program: after this time nobody still holds what
 * was read before. */
#define SHARED_GRACE_NS 1000000000ull

/* Of any type of 64 bits: compiler and kernel do not agree on its name. */
#define shared_store(word, value) __atomic_store_n(word, value, __ATOMIC_RELEASE)
#define shared_load(word) __atomic_load_n(word, __ATOMIC_RELAXED)

/* Stores a word where there is another. Returns how many it has stored. */
unsigned shared_repair(__u64 *word, uint64_t value);

/* ns since some time; the clock of SHARED_GRACE_NS. */
static inline uint64_t shared_now(void)
{
	return (uint64_t)now_on(CLOCK_MONOTONIC);
}

/* Returns once every packet that was inside a program is through. */
void shared_wait(void);

#endif
