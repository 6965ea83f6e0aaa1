/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks, by rtnetlink, at the qdisc and the filters at an interface's clsact hook.
 */
#ifndef WAYMARK_TC_QUERY_H
#define WAYMARK_TC_QUERY_H

#include <stdint.h>

/* Does the interface have a clsact qdisc? 1, 0 (none, or its forerunner "ingress" in the same
 * place) or negative errno. */
int tc_has_clsact(uint32_t ifindex);

/* Is any filter, of anybody, on ingress or egress? 1, 0 or negative errno. */
int tc_has_filters(uint32_t ifindex);

/* Id of the program in the filter on egress that has our priority, our handle and our name; 0
 * if there is none. 0 or negative errno. */
int tc_find_ours(uint32_t ifindex, uint32_t *ret_program_id);

#endif
