/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy file, and what its rules allow: api.md 31 to 33, as tables.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/match.h"
#include "core/registry.h"
#include "service/policy.h"

#define SECOND INT64_C(1000000000)

static struct registry *registry;

static int set_up(void **state)
{
	(void)state;
	return registry_builtin(&registry);
}

static int tear_down(void **state)
{
	(void)state;
	registry_free(registry);
	return 0;
}

/* Writes the text to a file and loads that. */
static int load(const char *text, struct policy **ret, char error[static POLICY_ERROR_MAX])
{
	char path[] = "/tmp/test_policy.XXXXXX";
	int fd = mkstemp(path), r;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	r = policy_load(path, registry, ret, error);
	unlink(path);
	return r;
}

static struct policy *load_good(const char *text)
{
	char error[POLICY_ERROR_MAX] = "";
	struct policy *policy = NULL;

	if (load(text, &policy, error) < 0)
		fail_msg("%s", error);
	return policy;
}

static struct rpc_peer peer_of(const char *identity)
{
	struct rpc_peer peer = {.transport = RPC_TRANSPORT_TLS};

	snprintf(peer.identity, sizeof(peer.identity), "%s", identity);
	return peer;
}

/* ---- who ---- */

static void test_first_match_wins(void **state)
{
	static const struct {
		const char *identity;
		size_t line; /* 0: no access */
	} cases[] = {
		{"spiffe://example.org/rucio", 2},
		{"spiffe://example.org/other", 4},
		{"spiffe://example.org/other/x", 0},
		{"dns:a.example.org", 6},
		{"dns:A.example.org", 6},
		{"cn:a.example.org", 0},
		{"unix:uid=0", 8},
		{"cn:unix:uid=0", 0},
		{"insecure:loopback", 0},
		{"", 0},
		{"spiffe://example.org/stolen", 0},
	};
	struct policy *policy = load_good("rules:\n"
					  "  - identity: spiffe://example.org/rucio\n"
					  "    role: writer\n"
					  "  - identity: \"spiffe://example.org/*\"\n"
					  "    role: viewer\n"
					  "  - identity: \"dns:*.example.org\"\n"
					  "    role: viewer\n"
					  "  - {identity: \"unix:uid=0\", role: admin}\n"
					  "deny: [\"spiffe://*/stolen\", \"sha256:aa\"]\n");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rpc_peer peer = peer_of(cases[i].identity);
		const struct policy_rule *rule = policy_find(policy, &peer);

		if ((rule ? rule->line : 0) != cases[i].line)
			fail_msg("%s: line %zu", cases[i].identity, rule ? rule->line : 0);
	}
	policy_free(policy);
}

static void test_denied_certificate(void **state)
{
	struct policy *policy = load_good("deny: [\"sha256:0123\"]\n"
					  "rules: [{identity: \"cn:*\", role: admin}]\n");
	struct rpc_peer peer = peer_of("cn:me");

	(void)state;
	assert_non_null(policy_find(policy, &peer));
	snprintf(peer.fingerprint, sizeof(peer.fingerprint), "sha256:0123");
	assert_null(policy_find(policy, &peer));
	policy_free(policy);
}

static void test_builtin(void **state)
{
	struct rpc_peer root = peer_of("unix:uid=0"), other = peer_of("unix:uid=1000"),
			certificate = peer_of("cn:anybody"),
			loopback = peer_of("insecure:loopback");
	struct policy *policy;

	(void)state;
	assert_int_equal(policy_builtin(&policy), 0);
	assert_int_equal(policy_find(policy, &root)->role, ACCESS_ADMIN);
	assert_int_equal(policy_find(policy, &loopback)->role, ACCESS_ADMIN);
	assert_null(policy_find(policy, &other));
	assert_null(policy_find(policy, &certificate));
	policy_free(policy);
}

/* ---- what ---- */

struct mark_case {
	const char *name;
	const char *destination;
	struct mark_action action;
	uint8_t lifetime;
	uint64_t ttl;
	const char *field; /* that is refused; NULL: allowed */
};

static void check_marks(const char *rule, const struct mark_case cases[], size_t n)
{
	struct policy *policy = load_good(rule);

	for (size_t i = 0; i < n; i++) {
		struct engine_update update = {.action = cases[i].action,
					       .lifetime = cases[i].lifetime,
					       .ttl = cases[i].ttl};
		struct fault fault = {.code = FAULT_NONE};
		int r;

		assert_int_equal(
			match_parse(&(struct match_text){.destination = cases[i].destination},
				    &update.match, &fault),
			0);
		r = policy_check_mark(&policy->rules[0], &update, &fault);
		if ((r < 0) != (cases[i].field != NULL))
			fail_msg("%s: %d", cases[i].name, r);
		if (r == 0)
			continue;
		assert_int_equal(fault.code, FAULT_PERMISSION_DENIED);
		assert_string_equal(fault.reason, FAULT_REASON_POLICY);
		assert_string_equal(fault.field, cases[i].field);
		assert_non_null(strstr(fault.message, "line 2 of the policy"));
	}
	policy_free(policy);
}

#define TAG(id)                                              \
	{                                                    \
		.label = MARK_LABEL_SCITAG, .experiment = id \
	}
#define RAW                                              \
	{                                                \
		.label = MARK_LABEL_RAW, .flow_label = 5 \
	}
#define DSCP(value)                             \
	{                                       \
		.has_dscp = true, .dscp = value \
	}

static void test_limited_writer(void **state)
{
	static const struct mark_case cases[] = {
		{"all right", "2001:db8::1", TAG(2), MARK_TTL, 60 * SECOND, NULL},
		{"by name", "2001:db8::1", TAG(3), MARK_TTL, 60 * SECOND, NULL},
		{"prefix inside", "2001:db8:1::/48", TAG(2), MARK_TTL, 60 * SECOND, NULL},
		{"on a lease", "2001:db8::1", TAG(2), MARK_LEASE, 0, NULL},
		{"good dscp", "2001:db8::1", DSCP(46), MARK_TTL, SECOND, NULL},
		{"experiment", "2001:db8::1", TAG(4), MARK_TTL, SECOND, "scitag.experiment_id"},
		{"raw label", "2001:db8::1", RAW, MARK_TTL, SECOND, "flow_label"},
		{"dscp", "2001:db8::1", DSCP(0), MARK_TTL, SECOND, "dscp"},
		{"elsewhere", "2001:db9::1", TAG(2), MARK_TTL, SECOND, "match.destination"},
		{"wider", "2001::/16", TAG(2), MARK_TTL, SECOND, "match.destination"},
		{"too long", "2001:db8::1", TAG(2), MARK_TTL, 61 * SECOND, "ttl"},
		{"for ever", "2001:db8::1", TAG(2), MARK_FOREVER, 0, "ttl"},
	};

	(void)state;
	check_marks("rules:\n"
		    "  - identity: cn:x\n"
		    "    role: writer\n"
		    "    experiments: [2, cms]\n"
		    "    destinations: [\"2001:db8::/32\", \"2001:dba::5\"]\n"
		    "    dscp: [46]\n"
		    "    max_ttl: 1m\n",
		    cases, sizeof(cases) / sizeof(cases[0]));
}

static void test_plain_writer(void **state)
{
	static const struct mark_case cases[] = {
		{"any experiment", "2001:db8::1", TAG(511), MARK_FOREVER, 0, NULL},
		{"raw label", "::/0", RAW, MARK_FOREVER, 0, NULL},
		{"dscp", "2001:db8::1", DSCP(0), MARK_FOREVER, 0, "dscp"},
	};

	(void)state;
	check_marks("rules:\n  - {identity: cn:x, role: writer}\n", cases,
		    sizeof(cases) / sizeof(cases[0]));
}

static void test_admin(void **state)
{
	static const struct mark_case cases[] = {
		{"dscp", "::/0", DSCP(63), MARK_FOREVER, 0, NULL},
	};

	(void)state;
	check_marks("rules:\n  - {identity: cn:x, role: admin}\n", cases, 1);
}

static void test_values(void **state)
{
	struct policy *policy = load_good("rules:\n"
					  "  - identity: cn:x\n"
					  "    role: writer\n"
					  "    owner: team\n"
					  "    raw_labels: true\n"
					  "    experiments: [511]\n"
					  "    max_ttl: 7d\n"
					  "    quota: 100000\n");

	(void)state;
	assert_string_equal(policy->rules[0].owner, "team");
	assert_true(policy->rules[0].raw_labels);
	assert_true(policy->rules[0].max_ttl == 7 * 86400 * SECOND);
	assert_int_equal(policy->rules[0].quota, 100000);
	policy_free(policy);
}

/* ---- files that are refused ---- */

static void test_bad(void **state)
{
	static const struct {
		const char *text, *error; /* the line and what follows */
	} cases[] = {
		{"rule: []\n", ":1: rule: there is no such key"},
		{"rules:\n  - {role: admin}\n", ":2: a rule needs an identity"},
		{"rules:\n  - {identity: cn:x}\n", ":2: a rule needs a role"},
		{"rules:\n  - {identity: \"*\", role: admin}\n",
		 ":2: identity \"*\": must begin"},
		{"rules:\n  - {identity: cn:x, role: root}\n",
		 ":2: role \"root\": must be viewer"},
		{"rules:\n  - {identity: cn:x, role: admin, quota: 1}\n",
		 ":2: experiments, dest"},
		{"rules:\n  - {identity: cn:x, role: writer, quota: 0}\n", ":2: quota \"0\""},
		{"rules:\n  - identity: cn:x\n    role: writer\n    experiments: [512]\n",
		 ":4: experiments \"512\": must be an id of 1..511"},
		{"rules:\n  - identity: cn:x\n    role: writer\n    experiments: [nobody]\n",
		 ":4: experiments \"nobody\""},
		{"rules:\n  - identity: cn:x\n    role: writer\n    dscp: [64]\n",
		 ":4: dscp \"64\""},
		{"rules:\n  - identity: cn:x\n    role: writer\n    dscp: []\n",
		 ":4: dscp: must not be empty"},
		{"rules:\n  - identity: cn:x\n    role: writer\n    destinations: "
		 "[10.0.0.0/8]\n",
		 ":4: "},
		{"rules:\n  - identity: cn:x\n    role: writer\n    max_ttl: 7\n",
		 ":4: max_ttl"},
		{"rules:\n  - identity: cn:x\n    role: writer\n    max_ttl: 0s\n",
		 ":4: max_ttl"},
		{"rules:\n  - identity: cn:x\n    role: writer\n    raw_labels: yes\n",
		 ":4: raw_labels \"yes\": must be true"},
		{"rules:\n  - identity: cn:x\n    identity: cn:y\n",
		 ":3: identity is given twice"},
		{"rules:\n  - identity: cn:x\n    roles: writer\n",
		 ":3: roles: there is no such"},
		{"deny: [~]\n", ":1: deny has no value"},
		{"rules: {}\n", ":1: rules is a mapping: must be a list"},
	};
	char error[POLICY_ERROR_MAX];
	struct policy *policy = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		error[0] = '\0';
		if (load(cases[i].text, &policy, error) == 0 || !strstr(error, cases[i].error))
			fail_msg("%s: %s", cases[i].text, error);
	}
	assert_null(policy);
	assert_true(policy_load("/nonexistent/policy.yaml", registry, &policy, error) < 0);
	assert_non_null(strstr(error, "/nonexistent/policy.yaml: No such file"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_match_wins),
		cmocka_unit_test(test_denied_certificate),
		cmocka_unit_test(test_builtin),
		cmocka_unit_test(test_limited_writer),
		cmocka_unit_test(test_plain_writer),
		cmocka_unit_test(test_admin),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
