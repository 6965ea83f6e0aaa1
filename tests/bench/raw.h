/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The baseline of many marks at a time: a bare BPF hash map of the agent's keys, preallocated
 * as the agent's is.
 */
#ifndef WAYMARK_BENCH_RAW_H
#define WAYMARK_BENCH_RAW_H

#include <stdint.h>

struct raw_rates {
	double update,
		lookup; /* keys a second, by bpf_map_update_batch(), ..._lookup_batch() */
};

/* Writes so many keys into a new map and reads them again. Ends the program if that fails. */
struct raw_rates raw_measure(uint32_t n);

#endif
