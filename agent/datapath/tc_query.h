/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks, by rtnetlink, at the qdisc and the filters at an interface's clsact hook.
 */
#ifndef WAYMARK_TC_QUERY_H
#define WAYMARK_TC_QUERY_H

#include <stdint.h>

#include "datapath/hook.h"

/* Does the interface have a clsact qdisc? 1, 0 (none, or its forerunner "ingress" in the same
 * place) or negative errno. */
int tc_has_clsact(uint32_t ifindex);

/* Is any filter, of anybody, on ingress or egress? 1, 0 or negative errno. */
int tc_has_filters(uint32_t ifindex);

struct tc_filter {
	uint32_t program_id; /* 0: there is no filter */
	uint32_t handle;
};

/* The filter that has our priority, one of our handles and our name. 0 or negative errno. */
int tc_find_ours(uint32_t ifindex, enum hook hook, struct tc_filter *ret);

#endif
