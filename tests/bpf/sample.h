/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random packets and random marks from the same small pools, so that they meet. The same
 * seed gives the same ones.
 */
#ifndef WAYMARK_SAMPLE_H
#define WAYMARK_SAMPLE_H

#include "lab.h"

struct sample {
	uint64_t state;
};

/* Any seed will do. */
struct sample sample_start(uint64_t seed);

/* 0 .. below - 1 */
uint32_t sample_below(struct sample *sample, uint32_t below);

/* Usually well-formed, often cut short or with octets changed; never under ETH_HLEN. */
struct frame sample_frame(struct sample *sample);

/* Marks with different matches, at most `max`; leases 0 .. leases - 1. Returns how many. */
size_t sample_marks(struct sample *sample, struct lab_mark marks[], size_t max,
		    uint32_t leases);

#endif
