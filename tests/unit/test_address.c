/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "rpc/address.h"

static void loopback(void **state)
{
	static const char *const inside[] = {"127.0.0.1", "127.255.1.2", "::1", "localhost",
					     "0:0:0:0:0:0:0:1"};
	static const char *const outside[] = {
		"0.0.0.0",	 "128.0.0.1",	     "::",	   "::2", "127.1", "localhos",
		"localhost.org", "::ffff:127.0.0.1", "127.0.0.1 ", "",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(inside) / sizeof(*inside); i++)
		assert_true(host_is_loopback(inside[i]));
	for (size_t i = 0; i < sizeof(outside) / sizeof(*outside); i++)
		assert_false(host_is_loopback(outside[i]));
}

static void addresses(void **state)
{
	static const struct {
		const char *address, *host;
		int port;
	} cases[] = {
		{"127.0.0.1:0", "127.0.0.1", 0},
		{"0.0.0.0:65535", "0.0.0.0", 65535},
		{"[::]:50551", "::", 50551},
		{"[fe80::1%eth0]:1", "fe80::1%eth0", 1},
		{"agent.example.org:443", "agent.example.org", 443},
	};
	char host[64];
	int port;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(address_split(cases[i].address, host, sizeof(host), &port), 0);
		assert_string_equal(host, cases[i].host);
		assert_int_equal(port, cases[i].port);
	}
}

static void bad_addresses(void **state)
{
	static const char *const cases[] = {
		"",
		":",
		"localhost",
		"localhost:",
		":50551",
		"::1:50551",
		"[::1]",
		"[::1]50551",
		"[::1:50551",
		"[]:50551",
		"127.0.0.1:65536",
		"127.0.0.1:-1",
		"127.0.0.1:+1",
		"127.0.0.1: 1",
		"127.0.0.1:1x",
		"127.0.0.1:https",
		"127.0.0.1:000001",
	};
	char host[64], tiny[4];
	int port;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(address_split(cases[i], host, sizeof(host), &port), -EINVAL);
	assert_int_equal(address_split("abcd:1", tiny, sizeof(tiny), &port), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loopback),
		cmocka_unit_test(addresses),
		cmocka_unit_test(bad_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
