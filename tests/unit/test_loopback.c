/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "ops/loopback.h"

static void test_good(void **state)
{
	struct sockaddr_storage address;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address;
	socklen_t length;

	(void)state;
	assert_int_equal(loopback_parse("127.0.0.1:9551", &address, &length), 0);
	assert_int_equal(length, sizeof(*v4));
	assert_int_equal(v4->sin_family, AF_INET);
	assert_int_equal(ntohl(v4->sin_addr.s_addr), INADDR_LOOPBACK);
	assert_int_equal(ntohs(v4->sin_port), 9551);
	assert_int_equal(loopback_parse("127.255.255.254:1", &address, &length), 0);
	assert_int_equal(loopback_parse("[::1]:65535", &address, &length), 0);
	assert_int_equal(length, sizeof(*v6));
	assert_int_equal(v6->sin6_family, AF_INET6);
	assert_true(IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr));
	assert_int_equal(ntohs(v6->sin6_port), 65535);
}

static void test_bad(void **state)
{
	static const char *const texts[] = {
		"",
		":",
		":9551",
		"9551",
		"127.0.0.1",
		"127.0.0.1:",
		"127.0.0.1:0",
		"127.0.0.1:09551",
		"127.0.0.1:65536",
		"127.0.0.1:+1",
		"127.0.0.1:9551 ",
		" 127.0.0.1:9551",
		"127.1:9551",
		"126.255.255.255:9551",
		"128.0.0.1:9551",
		"0.0.0.0:9551",
		"192.0.2.1:9551",
		"[::]:9551",
		"[::2]:9551",
		"::1:9551",
		"[::1]9551",
		"[2001:db8::1]:9551",
		"[::ffff:127.0.0.1]:9551",
		"localhost:9551",
		"node.example.org:9551",
		"unix:/run/socket",
	};
	struct sockaddr_storage address;
	socklen_t length;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (loopback_parse(texts[i], &address, &length) != -EINVAL)
			fail_msg("%s", texts[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
