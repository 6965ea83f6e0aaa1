/* SPDX-License-Identifier: Apache-2.0 */
#include "service/caller.h"

#include <errno.h>
#include <stdlib.h>

#include "core/engine.h"
#include "service/access.h"
#include "service/service.h"
#include "service/wire.h"

/* The numbers of the bits that are set. */
static size_t list_bits(const uint64_t words[], size_t n_words, uint32_t numbers[])
{
	size_t n = 0;

	for (uint32_t i = 0; i < 64 * n_words; i++)
		if (words[i / 64] >> (i % 64) & 1)
			numbers[n++] = i;
	return n;
}

static int write_destinations(struct wire_caller *wire, const struct policy_rule *rule)
{
	wire->prefixes = calloc(rule->n_destinations + 1, sizeof(*wire->prefixes));
	wire->destinations = calloc(rule->n_destinations + 1, sizeof(*wire->destinations));
	if (!wire->prefixes || !wire->destinations)
		return -ENOMEM;
	for (size_t i = 0; i < rule->n_destinations; i++) {
		const struct policy_prefix *prefix = &rule->destinations[i];

		prefix_text(prefix->address, prefix->length, wire->prefixes[i]);
		wire->destinations[i] = wire->prefixes[i];
	}
	wire->message.destinations = wire->destinations;
	wire->message.n_destinations = rule->n_destinations;
	return 0;
}

int caller_write_rule(struct wire_caller *wire, const struct policy_rule *rule)
{
	_Static_assert((int)ACCESS_ADMIN == WAYMARK__V1__ROLE__ROLE_ADMIN, "numbered alike");
	_Static_assert(8 * sizeof(rule->experiments) == CALLER_EXPERIMENTS_MAX &&
			       8 * sizeof(rule->dscp) == CALLER_DSCPS_MAX,
		       "a number for each bit");
	Waymark__V1__Caller *caller = &wire->message;

	*wire = (struct wire_caller){.message = WAYMARK__V1__CALLER__INIT};
	caller->role = (Waymark__V1__Role)rule->role;
	caller->policy_line = (uint32_t)rule->line;
	caller->quota = rule->quota;
	if (rule->role != ACCESS_WRITER)
		return 0;
	caller->raw_labels = rule->raw_labels;
	caller->experiment_ids = wire->experiments;
	if (rule->limits_experiments)
		caller->n_experiment_ids = list_bits(rule->experiments, 8, wire->experiments);
	caller->dscps = wire->dscps;
	caller->n_dscps = list_bits(&rule->dscp, 1, wire->dscps);
	if (rule->max_ttl) {
		wire_write_duration(&wire->max_ttl, rule->max_ttl);
		caller->max_ttl = &wire->max_ttl;
	}
	if (write_destinations(wire, rule) == 0)
		return 0;
	caller_done(wire);
	return -ENOMEM;
}

int caller_write(struct wire_caller *wire, const struct rpc_call *call)
{
	const struct service *service = rpc_call_service(call);
	const struct rpc_peer *peer = rpc_call_peer(call);
	const struct policy_rule *rule = access_rule_of(call);
	const char *name = access_owner(rule, peer);
	const struct engine_owner owner = engine_owner(service->engine, name);
	int r = caller_write_rule(wire, rule);

	if (r < 0)
		return r;
	wire->message.identity = (char *)peer->identity;
	wire->message.owner = (char *)name;
	wire->message.mark_count = owner.marks;
	wire->message.highest_election_id = owner.election_id;
	return 0;
}

void caller_done(struct wire_caller *wire)
{
	free(wire->prefixes);
	free(wire->destinations);
	wire->prefixes = NULL;
	wire->destinations = NULL;
}
