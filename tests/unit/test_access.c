/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "core/fault.h"
#include "service/access.h"
#include "service/service.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static struct policy *policy;
static struct service service;

static int set_up(void **state)
{
	(void)state;
	if (policy_builtin(&policy) < 0)
		return -1;
	policy->rules[1].role = ACCESS_VIEWER;
	policy->rules[1].owner = strdup("team");
	service.policy = policy;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	policy_free(policy);
	return 0;
}

static const struct {
	struct rpc_peer peer;
	enum access_role role;
} peers[] = {
	{{.transport = RPC_TRANSPORT_UNIX, .uid = 0, .identity = "unix:uid=0"}, ACCESS_ADMIN},
	{{.transport = RPC_TRANSPORT_UNIX, .uid = 1, .identity = "unix:uid=1"}, ACCESS_NONE},
	{{.transport = RPC_TRANSPORT_TLS, .uid = (uid_t)-1, .identity = "cn:c"}, ACCESS_NONE},
	/* No name, no access, whatever the certificate; nor by a uid that no TLS peer has. */
	{{.transport = RPC_TRANSPORT_TLS, .uid = 0, .identity = ""}, ACCESS_NONE},
	{{.transport = RPC_TRANSPORT_INSECURE, .identity = "insecure:loopback"}, ACCESS_VIEWER},
};

static void test_admission(void **state)
{
	static const enum access_role needs[] = {ACCESS_VIEWER, ACCESS_WRITER, ACCESS_ADMIN};

	(void)state;
	for (size_t i = 0; i < LENGTH(peers) * LENGTH(needs); i++) {
		const struct rpc_peer *peer = &peers[i / LENGTH(needs)].peer;
		const struct rpc_method method = {.path = "/x.Y/Z",
						  .needs = needs[i % LENGTH(needs)]};
		const bool may = peers[i / LENGTH(needs)].role >= needs[i % LENGTH(needs)];
		struct rpc_status status = {.code = 0};

		assert_int_equal(service_admit(peer, &method, &service, &status), may);
		assert_int_equal(status.code, may ? FAULT_NONE : FAULT_PERMISSION_DENIED);
	}
}

static void test_owner(void **state)
{
	(void)state;
	assert_string_equal(access_owner(access_rule(&service, &peers[0].peer), &peers[0].peer),
			    "unix:uid=0");
	assert_string_equal(access_owner(access_rule(&service, &peers[4].peer), &peers[4].peer),
			    "team");
}

static void test_refusal_names_caller_and_method(void **state)
{
	const struct rpc_method method = {.path = "/waymark.v1.MarkerService/Stats"};
	struct rpc_status status = {.code = 0};

	(void)state;
	assert_false(service_admit(&peers[1].peer, &method, &service, &status));
	assert_string_equal(status.reason, FAULT_REASON_NO_ACCESS);
	assert_string_equal(status.message,
			    "unix:uid=1 may not call /waymark.v1.MarkerService/Stats");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_admission),
		cmocka_unit_test(test_owner),
		cmocka_unit_test(test_refusal_names_caller_and_method),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
