/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the policy:
 *
 *	deny: ["spiffe://example.org/stolen", "sha256:HEX"]
 *	rules:
 *	  - identity: "spiffe://example.org/rucio"
 *	    role: writer
 *	    experiments: [cms, 2]
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "core/prefix.h"
#include "core/registry.h"
#include "core/scitag.h"
#include "now.h"
#include "ops/number.h"
#include "ops/yaml_reader.h"
#include "service/policy.h"

_Static_assert(POLICY_ERROR_MAX == YAML_READER_ERROR_MAX, "one buffer for both");

#define DSCP_MAX 63
#define MAX_TTL_MAX (INT64_C(3650) * 24 * 3600)

DEFINE_CLEANUP(cleanup_policy, struct policy *, policy_free)

struct policy_reader {
	struct yaml_reader yaml; /* first */
	const struct registry *registry;
	struct policy *policy;
	/* Of the rule that is being read. */
	bool raw_labels_given, limits_given;
};

static struct policy_reader *reader_of(struct yaml_reader *yaml)
{
	return (struct policy_reader *)yaml;
}

/* ---- values ---- */

static int read_string(struct yaml_reader *yaml, const char *name, const yaml_node_t *node,
		       size_t max, char **ret)
{
	const char *text;
	char *copy;
	int r = yaml_text(yaml, name, node, &text);

	if (r < 0)
		return r;
	if (!text[0] || strlen(text) > max)
		return yaml_refuse(yaml, node, "%s \"%s\": must have 1 to %zu octets", name,
				   text, max);
	copy = strdup(text);
	if (!copy)
		return yaml_refuse(yaml, node, "no memory");
	free(*ret);
	*ret = copy;
	return 0;
}

/* A pattern whose kind is spelled out: one of "*" would let a certificate in that nobody has
 * thought of. */
static int read_identity(struct yaml_reader *yaml, const yaml_node_t *node, char **ret)
{
	static const char *const kinds[] = {"spiffe://",
					    "dns:", "cn:", "unix:uid=", "insecure:loopback"};
	int r = read_string(yaml, "identity", node, RPC_IDENTITY_MAX, ret);

	for (size_t i = 0; r == 0 && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strncmp(*ret, kinds[i], strlen(kinds[i])) == 0)
			return 0;
	return r < 0 ? r
		     : yaml_refuse(yaml, node,
				   "identity \"%s\": must begin with spiffe://, dns:, cn:, "
				   "unix:uid= or be insecure:loopback",
				   *ret);
}

static int read_role(struct yaml_reader *yaml, const yaml_node_t *node, enum access_role *ret)
{
	static const char *const names[] = {[ACCESS_VIEWER] = "viewer",
					    [ACCESS_WRITER] = "writer",
					    [ACCESS_ADMIN] = "admin"};
	const char *text;
	int r = yaml_text(yaml, "role", node, &text);

	if (r < 0)
		return r;
	for (unsigned int i = ACCESS_VIEWER; i <= ACCESS_ADMIN; i++)
		if (strcmp(text, names[i]) == 0) {
			*ret = (enum access_role)i;
			return 0;
		}
	return yaml_refuse(yaml, node, "role \"%s\": must be viewer, writer or admin", text);
}

static int read_experiment(struct yaml_reader *yaml, const yaml_node_t *node, void *user)
{
	struct policy_rule *rule = user;
	const char *text;
	int r = yaml_text(yaml, "experiments", node, &text);
	int64_t id;

	if (r < 0)
		return r;
	id = yaml_is_plain(node) ? number_parse(text, SCITAG_EXPERIMENT_MAX) : -1;
	if (id < 1)
		id = registry_find_experiment(reader_of(yaml)->registry, text);
	if (id < 1)
		return yaml_refuse(yaml, node,
				   "experiments \"%s\": must be an id of 1..511 or a name of "
				   "the registry",
				   text);
	rule->experiments[id / 64] |= UINT64_C(1) << id % 64;
	return 0;
}

static int read_destination(struct yaml_reader *yaml, const yaml_node_t *node, void *user)
{
	struct policy_rule *rule = user;
	struct policy_prefix prefix, *grown;
	struct fault fault;
	const char *text;
	int r = yaml_text(yaml, "destinations", node, &text);

	if (r < 0)
		return r;
	if (prefix_parse(text, "destinations", prefix.address, &prefix.length, &fault) < 0)
		return yaml_refuse(yaml, node, "%s", fault.message);
	grown = reallocarray(rule->destinations, rule->n_destinations + 1, sizeof(*grown));
	if (!grown)
		return yaml_refuse(yaml, node, "no memory");
	rule->destinations = grown;
	grown[rule->n_destinations++] = prefix;
	return 0;
}

static int read_dscp(struct yaml_reader *yaml, const yaml_node_t *node, void *user)
{
	struct policy_rule *rule = user;
	const char *text;
	int r = yaml_text(yaml, "dscp", node, &text);
	int64_t dscp;

	if (r < 0)
		return r;
	dscp = yaml_is_plain(node) ? number_parse(text, DSCP_MAX) : -1;
	if (dscp < 0)
		return yaml_refuse(yaml, node, "dscp \"%s\": must be a number of 0..63", text);
	rule->dscp |= UINT64_C(1) << dscp;
	return 0;
}

static int read_raw_labels(struct yaml_reader *yaml, const yaml_node_t *node, bool *ret)
{
	const char *text;
	int r = yaml_text(yaml, "raw_labels", node, &text);

	if (r < 0)
		return r;
	if (!yaml_is_plain(node) || (strcmp(text, "true") != 0 && strcmp(text, "false") != 0))
		return yaml_refuse(yaml, node, "raw_labels \"%s\": must be true or false",
				   text);
	*ret = text[0] == 't';
	reader_of(yaml)->raw_labels_given = true;
	return 0;
}

static int read_max_ttl(struct yaml_reader *yaml, const yaml_node_t *node, int64_t *ret)
{
	const char *text;
	int64_t seconds;
	int r = yaml_text(yaml, "max_ttl", node, &text);

	if (r < 0)
		return r;
	seconds = number_parse_duration(text, "smhd", MAX_TTL_MAX);
	if (seconds < 1)
		return yaml_refuse(yaml, node,
				   "max_ttl \"%s\": must be a time like 30s, 10m, 12h or 7d",
				   text);
	*ret = seconds * NANOSECONDS;
	return 0;
}

static int read_quota(struct yaml_reader *yaml, const yaml_node_t *node, uint64_t *ret)
{
	const char *text;
	int r = yaml_text(yaml, "quota", node, &text);
	int64_t quota;

	if (r < 0)
		return r;
	quota = number_parse(text, UINT32_MAX);
	if (quota < 1)
		return yaml_refuse(yaml, node, "quota \"%s\": must be a number of 1..%u", text,
				   UINT32_MAX);
	*ret = (uint64_t)quota;
	return 0;
}

/* ---- rules ---- */

typedef int read_item(struct yaml_reader *yaml, const yaml_node_t *item, void *user);

static int read_list(struct yaml_reader *yaml, const char *name, const yaml_node_t *node,
		     read_item *read, void *user)
{
	int r = yaml_check_type(yaml, name, node, YAML_SEQUENCE_NODE, "a list");

	if (r < 0)
		return r;
	if (node->data.sequence.items.start == node->data.sequence.items.top)
		return yaml_refuse(yaml, node, "%s: must not be empty", name);
	return yaml_each_item(yaml, node, read, user);
}

static int read_limit(struct yaml_reader *yaml, const yaml_node_t *key, const char *name,
		      const yaml_node_t *value, struct policy_rule *rule)
{
	reader_of(yaml)->limits_given = true;
	if (strcmp(name, "experiments") == 0) {
		rule->limits_experiments = true;
		return read_list(yaml, name, value, read_experiment, rule);
	}
	if (strcmp(name, "destinations") == 0)
		return read_list(yaml, name, value, read_destination, rule);
	if (strcmp(name, "dscp") == 0)
		return read_list(yaml, name, value, read_dscp, rule);
	if (strcmp(name, "raw_labels") == 0)
		return read_raw_labels(yaml, value, &rule->raw_labels);
	if (strcmp(name, "max_ttl") == 0)
		return read_max_ttl(yaml, value, &rule->max_ttl);
	if (strcmp(name, "quota") == 0)
		return read_quota(yaml, value, &rule->quota);
	return yaml_refuse(yaml, key, "%s: there is no such key", name);
}

static int read_rule_member(struct yaml_reader *yaml, const yaml_node_t *key, const char *name,
			    const yaml_node_t *value, void *user)
{
	struct policy_rule *rule = user;

	if (strcmp(name, "identity") == 0)
		return read_identity(yaml, value, &rule->identity);
	if (strcmp(name, "role") == 0)
		return read_role(yaml, value, &rule->role);
	if (strcmp(name, "owner") == 0)
		return read_string(yaml, name, value, MARK_OWNER_MAX, &rule->owner);
	return read_limit(yaml, key, name, value, rule);
}

static int check_rule(const struct policy_reader *reader, const yaml_node_t *node,
		      struct policy_rule *rule)
{
	if (!rule->identity)
		return yaml_refuse(&reader->yaml, node, "a rule needs an identity");
	if (rule->role == ACCESS_NONE)
		return yaml_refuse(&reader->yaml, node, "a rule needs a role");
	if (reader->limits_given && rule->role != ACCESS_WRITER)
		return yaml_refuse(&reader->yaml, node,
				   "experiments, destinations, dscp, raw_labels, max_ttl and "
				   "quota are for role writer only");
	if (!reader->raw_labels_given)
		rule->raw_labels = !rule->limits_experiments;
	return 0;
}

static int read_rule(struct yaml_reader *yaml, const yaml_node_t *node, void *user)
{
	struct policy_reader *reader = user;
	struct policy *policy = reader->policy;
	struct policy_rule *rule;
	int r = yaml_check_type(yaml, "a rule", node, YAML_MAPPING_NODE, "a mapping");

	if (r < 0)
		return r;
	rule = reallocarray(policy->rules, policy->n_rules + 1, sizeof(*rule));
	if (!rule)
		return yaml_refuse(yaml, node, "no memory");
	policy->rules = rule;
	rule += policy->n_rules++;
	*rule = (struct policy_rule){.line = yaml_line(node)};
	reader->raw_labels_given = reader->limits_given = false;
	r = yaml_each_member(yaml, node, read_rule_member, rule);
	return r < 0 ? r : check_rule(reader, node, rule);
}

/* ---- the file ---- */

static int read_denied(struct yaml_reader *yaml, const yaml_node_t *node, void *user)
{
	struct policy *policy = user;
	char **grown = reallocarray(policy->denied, policy->n_denied + 1, sizeof(char *));

	if (!grown)
		return yaml_refuse(yaml, node, "no memory");
	policy->denied = grown;
	grown[policy->n_denied++] = NULL;
	return read_string(yaml, "deny", node, RPC_IDENTITY_MAX, &grown[policy->n_denied - 1]);
}

static int read_member(struct yaml_reader *yaml, const yaml_node_t *key, const char *name,
		       const yaml_node_t *value, void *user)
{
	struct policy_reader *reader = user;

	if (strcmp(name, "rules") == 0)
		return read_list(yaml, name, value, read_rule, reader);
	if (strcmp(name, "deny") == 0)
		return read_list(yaml, name, value, read_denied, reader->policy);
	return yaml_refuse(yaml, key, "%s: there is no such key", name);
}

static int read_root(struct yaml_reader *yaml, const yaml_node_t *mapping)
{
	return yaml_each_member(yaml, mapping, read_member, yaml);
}

int policy_load(const char *path, const struct registry *registry, struct policy **ret,
		char error[static POLICY_ERROR_MAX])
{
	cleanup(cleanup_policy) struct policy *policy = calloc(1, sizeof(*policy));
	struct policy_reader reader = {
		.yaml = {.path = path, .error = error}, .registry = registry, .policy = policy};
	int r;

	if (!policy) {
		snprintf(error, POLICY_ERROR_MAX, "no memory");
		return -ENOMEM;
	}
	r = yaml_load(&reader.yaml, read_root);
	if (r == 0)
		*ret = take(policy);
	return r;
}
