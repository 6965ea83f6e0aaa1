/* SPDX-License-Identifier: Apache-2.0 */
#include "service/access.h"

#include "core/fault.h"
#include "now.h"
#include "service/rate.h"
#include "service/service.h"

static const struct policy_rule no_access = {.role = ACCESS_NONE, .limits_experiments = true};

const struct policy_rule *access_rule(const struct service *service,
				      const struct rpc_peer *peer)
{
	return policy_find(service->policy, peer);
}

const struct policy_rule *access_rule_of(const struct rpc_call *call)
{
	const struct policy_rule *rule =
		access_rule(rpc_call_service(call), rpc_call_peer(call));

	return rule ? rule : &no_access;
}

const char *access_owner(const struct policy_rule *rule, const struct rpc_peer *peer)
{
	return rule->owner ? rule->owner : peer->identity;
}

bool service_admit(const struct rpc_peer *peer, const struct rpc_method *method,
		   const struct service *service, struct rpc_status *status)
{
	const struct policy_rule *rule = access_rule(service, peer);

	if (rule && (int)rule->role >= method->needs)
		return true;
	if (rule)
		rpc_status_set(status, FAULT_PERMISSION_DENIED, FAULT_REASON_NO_ACCESS,
			       "%s may only read (line %zu of the policy), not call %s",
			       peer->identity, rule->line, method->path);
	else
		rpc_status_set(status, FAULT_PERMISSION_DENIED, FAULT_REASON_NO_ACCESS,
			       "%s may not call %s", peer->identity, method->path);
	rpc_status_add(status, "identity", "%s", peer->identity);
	return false;
}

bool service_throttle(const struct rpc_peer *peer, const struct service *service,
		      struct rpc_status *status)
{
	int64_t wait = 0;

	if (service->rate)
		wait = rate_take(service->rate, peer->identity, now_on(CLOCK_MONOTONIC));
	if (wait == 0)
		return false;
	rpc_status_set(status, FAULT_RESOURCE_EXHAUSTED, FAULT_REASON_RATE,
		       "%s calls too often; ApplyMarks takes many marks in one call",
		       peer->identity);
	rpc_status_add(status, "identity", "%s", peer->identity);
	status->retry_after_ms = (wait + MILLISECOND - 1) / MILLISECOND;
	return true;
}
