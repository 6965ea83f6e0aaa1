/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/fault.h"
#include "service/access.h"
#include "service/service.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	struct rpc_peer peer;
	enum access_role role;
} peers[] = {
	{{.transport = RPC_TRANSPORT_UNIX, .uid = 0, .identity = "unix:uid=0"}, ACCESS_ADMIN},
	{{.transport = RPC_TRANSPORT_UNIX, .uid = 1, .identity = "unix:uid=1"}, ACCESS_NONE},
	{{.transport = RPC_TRANSPORT_UNIX, .uid = (uid_t)-1, .identity = "unix:uid=?"},
	 ACCESS_NONE},
	{{.transport = RPC_TRANSPORT_TLS, .uid = (uid_t)-1, .identity = "cn:c"}, ACCESS_ADMIN},
	/* No name, no access, whatever the certificate; nor by a uid that no TLS peer has. */
	{{.transport = RPC_TRANSPORT_TLS, .uid = 0, .identity = ""}, ACCESS_NONE},
	{{.transport = RPC_TRANSPORT_INSECURE, .identity = "insecure:loopback"}, ACCESS_ADMIN},
	{{.transport = (enum rpc_transport)99, .uid = 0, .identity = "x"}, ACCESS_NONE},
};

static void test_roles(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(peers); i++)
		assert_int_equal(access_role(&peers[i].peer), peers[i].role);
}

static void test_admission(void **state)
{
	const struct rpc_method method = {.path = "/waymark.v1.MarkerService/Stats"};

	(void)state;
	for (size_t i = 0; i < LENGTH(peers); i++) {
		struct rpc_status status = {.code = 0};
		bool admitted = service_admit(&peers[i].peer, &method, NULL, &status);

		assert_int_equal(admitted, peers[i].role == ACCESS_ADMIN);
		assert_int_equal(status.code, admitted ? FAULT_NONE : FAULT_PERMISSION_DENIED);
	}
}

static void test_refusal_names_caller_and_method(void **state)
{
	const struct rpc_method method = {.path = "/waymark.v1.MarkerService/Stats"};
	struct rpc_status status = {.code = 0};

	(void)state;
	assert_false(service_admit(&peers[1].peer, &method, NULL, &status));
	assert_string_equal(status.reason, FAULT_REASON_NO_ACCESS);
	assert_string_equal(status.message,
			    "unix:uid=1 may not call /waymark.v1.MarkerService/Stats");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roles),
		cmocka_unit_test(test_admission),
		cmocka_unit_test(test_refusal_names_caller_and_method),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
