/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program on an interface's egress by a filter of our own on the clsact qdisc, for
 * kernels without tcx. Filters and qdiscs of others stay as they are.
 */
#ifndef WAYMARK_CLSACT_H
#define WAYMARK_CLSACT_H

#include <stdbool.h>
#include <stdint.h>

struct clsact {
	uint32_t ifindex;
	uint32_t program_id; /* of our filter */
	bool qdisc_is_ours; /* nobody had put one there before */
};

/* Takes the place of a filter that an earlier agent left. 0; -EEXIST: somebody else's filter
 * has our priority and handle; -EBUSY: an "ingress" qdisc is in the place of clsact; or what
 * the kernel said. */
int clsact_attach(uint32_t ifindex, int program, struct clsact *ret);

/* Removes our filter unless another has taken its place, and our qdisc unless it is in use. */
void clsact_detach(const struct clsact *clsact);

/* Removes the filter that an earlier agent left, if there is one. */
void clsact_remove_leftover(uint32_t ifindex);

#endif
