/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "rpc/identity.h"

static void expect(const char *name, size_t length, const char *identity)
{
	struct rpc_peer peer;

	memset(&peer, 'x', sizeof(peer));
	identity_set(&peer, "cn:", name, length);
	assert_string_equal(peer.identity, identity);
}

static void names(void **state)
{
	(void)state;
	expect("ctl", 3, "cn:ctl");
	expect("J\xC3\xBC", 3, "cn:J\xC3\xBC");
	/* Its kind is ours: this is nobody's uid. */
	expect("unix:uid=0", 10, "cn:unix:uid=0");
}

static void unusable_names(void **state)
{
	(void)state;
	expect("", 0, "");
	expect("root\0.example.org", 17, "");
	expect("two\nlines", 9, "");
	expect("\x7F", 1, "");
	expect("\xFF", 1, "");
	expect("J\xC3", 2, "");
}

static void long_names(void **state)
{
	char name[RPC_IDENTITY_MAX + 1];
	struct rpc_peer peer;

	(void)state;
	memset(name, 'a', sizeof(name));
	identity_set(&peer, "dns:", name, RPC_IDENTITY_MAX - 4);
	assert_int_equal(strlen(peer.identity), RPC_IDENTITY_MAX);
	identity_set(&peer, "dns:", name, RPC_IDENTITY_MAX - 3);
	assert_string_equal(peer.identity, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(unusable_names),
		cmocka_unit_test(long_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
