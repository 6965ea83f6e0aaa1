/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program on an interface by a filter of our own on the clsact qdisc, for kernels without
 * tcx. Filters and qdiscs of others stay as they are. The filter's handle says whether the
 * qdisc is ours, so that a later agent knows it too. The filter on egress is the first to come
 * and the last to go.
 */
#ifndef WAYMARK_CLSACT_H
#define WAYMARK_CLSACT_H

#include <stdbool.h>
#include <stdint.h>

#include "datapath/hook.h"

struct clsact {
	uint32_t ifindex;
	enum hook hook;
	uint32_t program_id; /* of our filter */
};

/* Takes the place of a filter that an earlier agent left. 0; -EEXIST: somebody else's filter
 * has our priority and handle; -EBUSY: an "ingress" qdisc is in the place of clsact; or what
 * the kernel said. */
int clsact_attach(uint32_t ifindex, enum hook hook, int program, struct clsact *ret);

/* Removes our filter unless another has taken its place, and our qdisc unless it is in use. */
void clsact_detach(const struct clsact *clsact);

/* Is our filter still there? */
bool clsact_holds(const struct clsact *clsact);

/* Removes the filter that an earlier agent left, and its qdisc as above. Was there one? */
bool clsact_remove_leftover(uint32_t ifindex, enum hook hook);

#endif
