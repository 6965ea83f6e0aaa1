/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The baseline of many marks at a time: a bare BPF hash map of the agent's keys, preallocated
 * as the agent's is.
 */
#ifndef WAYMARK_BENCH_RAW_H
#define WAYMARK_BENCH_RAW_H

#include <stdint.h>

/* By bpf_map_update_batch() and bpf_map_lookup_batch(). */
struct raw_rates {
	double update, lookup; /* keys a second */
	double update_cpu; /* CPU seconds of an update */
};

/* What the map has been through: nothing, or it was filled with the same keys and emptied. */
enum raw_history { RAW_NEW, RAW_USED };

/* Writes so many keys into a map and reads them again. Ends the program if that fails. */
struct raw_rates raw_measure(uint32_t n, enum raw_history history);

#endif
