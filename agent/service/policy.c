/* SPDX-License-Identifier: Apache-2.0 */
#include "service/policy.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "core/match.h"

#define SECONDS INT64_C(1000000000)

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	for (size_t i = 0; i < policy->n_rules; i++) {
		free(policy->rules[i].identity);
		free(policy->rules[i].owner);
		free(policy->rules[i].destinations);
	}
	for (size_t i = 0; i < policy->n_denied; i++)
		free(policy->denied[i]);
	free(policy->rules);
	free(policy->denied);
	free(policy);
}

int policy_builtin(struct policy **ret)
{
	static const char *const identities[] = {"unix:uid=0", "insecure:loopback"};
	const size_t n = sizeof(identities) / sizeof(identities[0]);
	struct policy *policy = calloc(1, sizeof(*policy));

	if (policy)
		policy->rules = calloc(n, sizeof(*policy->rules));
	for (size_t i = 0; policy && policy->rules && i < n; i++) {
		policy->rules[i].role = ACCESS_ADMIN;
		policy->rules[i].identity = strdup(identities[i]);
		policy->n_rules += policy->rules[i].identity != NULL;
	}
	if (!policy || policy->n_rules < n) {
		policy_free(policy);
		return -ENOMEM;
	}
	*ret = policy;
	return 0;
}

/* ---- who ---- */

static bool matches(const char *pattern, const char *text)
{
	return text[0] && fnmatch(pattern, text, FNM_PATHNAME | FNM_NOESCAPE) == 0;
}

static bool is_denied(const struct policy *policy, const struct rpc_peer *peer)
{
	for (size_t i = 0; i < policy->n_denied; i++)
		if (matches(policy->denied[i], peer->identity) ||
		    strcmp(policy->denied[i], peer->fingerprint) == 0)
			return true;
	return false;
}

const struct policy_rule *policy_find(const struct policy *policy, const struct rpc_peer *peer)
{
	if (is_denied(policy, peer))
		return NULL;
	for (size_t i = 0; i < policy->n_rules; i++)
		if (matches(policy->rules[i].identity, peer->identity))
			return &policy->rules[i];
	return NULL;
}

/* ---- what ---- */

#define refuse(rule, fault, field, format, ...)                               \
	fault_set(fault, FAULT_PERMISSION_DENIED, FAULT_REASON_POLICY, field, \
		  "line %zu of the policy: " format, (rule)->line, ##__VA_ARGS__)

static bool has_bit(const uint64_t *bits, unsigned int bit)
{
	return bits[bit / 64] >> bit % 64 & 1;
}

static int check_label(const struct policy_rule *rule, const struct mark_action *action,
		       struct fault *fault)
{
	if (action->label == MARK_LABEL_RAW && !rule->raw_labels)
		return refuse(rule, fault, "flow_label",
			      "raw labels may not be written (0x%05x)", action->flow_label);
	if (action->label == MARK_LABEL_SCITAG && rule->limits_experiments &&
	    !has_bit(rule->experiments, action->experiment))
		return refuse(rule, fault, "scitag.experiment_id",
			      "experiment %u may not be marked", action->experiment);
	return 0;
}

static int check_destination(const struct policy_rule *rule, const struct match *match,
			     struct fault *fault)
{
	char text[MATCH_ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < rule->n_destinations; i++) {
		const struct policy_prefix *prefix = &rule->destinations[i];

		if (match->prefix_length >= prefix->length &&
		    prefix_contains(prefix->address, prefix->length, match->destination))
			return 0;
	}
	if (rule->n_destinations == 0)
		return 0;
	match_destination_text(match, text);
	return refuse(rule, fault, "match.destination", "%s lies in none of the destinations",
		      text);
}

int policy_check_ttl(const struct policy_rule *rule, int64_t ttl, struct fault *fault)
{
	if (rule->role == ACCESS_ADMIN || rule->max_ttl == 0 || ttl <= rule->max_ttl)
		return 0;
	return refuse(rule, fault, "ttl", "%lld s is longer than %lld s",
		      (long long)(ttl / SECONDS), (long long)(rule->max_ttl / SECONDS));
}

static int check_lifetime(const struct policy_rule *rule, const struct engine_update *update,
			  struct fault *fault)
{
	if (update->lifetime == MARK_TTL)
		return policy_check_ttl(rule, (int64_t)update->ttl, fault);
	/* A lease was checked when it was granted. */
	if (update->lifetime == MARK_LEASE || rule->max_ttl == 0)
		return 0;
	return refuse(rule, fault, "ttl", "a ttl of at most %lld s is required",
		      (long long)(rule->max_ttl / SECONDS));
}

int policy_check_mark(const struct policy_rule *rule, const struct engine_update *update,
		      struct fault *fault)
{
	const struct mark_action *action = &update->action;
	int r;

	if (rule->role == ACCESS_ADMIN)
		return 0;
	r = check_label(rule, action, fault);
	if (r == 0 && action->has_dscp && !has_bit(&rule->dscp, action->dscp))
		r = refuse(rule, fault, "dscp", "dscp %u may not be written", action->dscp);
	if (r == 0)
		r = check_destination(rule, &update->match, fault);
	return r == 0 ? check_lifetime(rule, update, fault) : r;
}
