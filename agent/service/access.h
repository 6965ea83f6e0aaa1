/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the policy in use says of a caller. Any thread.
 */
#ifndef WAYMARK_ACCESS_H
#define WAYMARK_ACCESS_H

#include "rpc/call.h"
#include "service/policy.h"

struct service;

/* The rule of this peer; NULL: no access. Valid as long as the server lives, though another
 * policy may be in use by then. */
const struct policy_rule *access_rule(const struct service *service,
				      const struct rpc_peer *peer);

/* The same for a call that was admitted; a call whose identity has lost its access meanwhile
 * gets a rule that allows nothing. Never NULL. */
const struct policy_rule *access_rule_of(const struct rpc_call *call);

/* Whose marks this peer's are. */
const char *access_owner(const struct policy_rule *rule, const struct rpc_peer *peer);

#endif
