/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a caller is told of itself: who it is, and what its rule allows.
 */
#ifndef WAYMARK_CALLER_H
#define WAYMARK_CALLER_H

#include <waymark/v1/marker.pb-c.h>

#include "core/prefix.h"
#include "rpc/call.h"
#include "service/policy.h"

#define CALLER_EXPERIMENTS_MAX 512
#define CALLER_DSCPS_MAX 64

/* A Caller message with what it points to. Do not copy. */
struct wire_caller {
	Waymark__V1__Caller message;
	Google__Protobuf__Duration max_ttl;
	uint32_t experiments[CALLER_EXPERIMENTS_MAX], dscps[CALLER_DSCPS_MAX];
	char (*prefixes)[PREFIX_TEXT_MAX];
	char **destinations;
};

/* Borrows from the call and its rule. 0, or -ENOMEM with nothing to be freed. */
int caller_write(struct wire_caller *wire, const struct rpc_call *call);

/* What a rule limits: the same for one that was found. Likewise. */
int caller_write_rule(struct wire_caller *wire, const struct policy_rule *rule);

/* Also of a zeroed one. */
void caller_done(struct wire_caller *wire);

#endif
