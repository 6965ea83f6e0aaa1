/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arrays that the programs read and count in, mapped into the agent's memory.
 */
#ifndef WAYMARK_MAPS_H
#define WAYMARK_MAPS_H

#include <stdint.h>

#include "bpf/abi.h"

struct marker; /* the skeleton */

/* All NULL at first. */
struct maps {
	struct mark_row *marks;
	uint64_t *leases, *filter, *known_pairs;
	__u64 *control;
	struct traffic *observed_traffic;
	struct common *common; /* mapped by the skeleton */
};

/* Maps the arrays of loaded programs. 0 or negative errno; maps_done() is due in any case. */
int maps_init(struct maps *maps, const struct marker *programs);
void maps_done(struct maps *maps, const struct marker *programs);

#endif
