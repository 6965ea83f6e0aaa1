/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words that the agent writes while the programs read them: whole, and in order. What is
 * stored first is seen first.
 */
#ifndef WAYMARK_SHARED_H
#define WAYMARK_SHARED_H

#include <stdint.h>
#include <time.h>

#include "now.h"

/* Longer than any packet stays inside the program: after this time nobody still holds what
 * was read before. */
#define SHARED_GRACE_NS 1000000000ull

static inline void shared_store(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static inline uint64_t shared_load(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

/* ns since some time; the clock of SHARED_GRACE_NS. */
static inline uint64_t shared_now(void)
{
	return (uint64_t)now_on(CLOCK_MONOTONIC);
}

/* Returns once every packet that was inside a program is through. */
void shared_wait(void);

#endif
