/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Addresses by number, the same in the bench and in its BPF programs. */
#ifndef WAYMARK_BENCH_ADDRESSES_H
#define WAYMARK_BENCH_ADDRESSES_H

#include <linux/types.h>

/* Destinations of a bench are numbered; halves as they are loaded from memory. Odd, so that no
 * two numbers share one. */
#define BENCH_SCATTER 0x9E3779B97F4A7C15ull

static inline __u64 bench_low(__u64 number)
{
	return (number + 1) * BENCH_SCATTER;
}

/* The /48 with this number: 2001:: and the number in the third to sixth octet. */
static inline __u64 bench_high(__u64 number)
{
	return __builtin_bswap64(0x2001ull << 48 | number << 16);
}

/* Which /48 single destinations are in; prefixes have the numbers from 0 on. */
#define BENCH_HOSTS 0x0db80000ull
/* ... and those that nothing is marked for. */
#define BENCH_FAR 0x0db90000ull

#endif
