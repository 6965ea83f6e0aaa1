/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "clients/c/channel.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *target, *resolved; /* NULL: refused */
} targets[] = {
	{"unix:/run/waymark/waymark.sock", "unix:/run/waymark/waymark.sock"},
	{"unix:/", "unix:/"},
	{"dtn1.example.org:50551", "dns:///dtn1.example.org:50551"},
	{"192.0.2.1:1", "dns:///192.0.2.1:1"},
	{"[2001:db8::1]:65535", "dns:///[2001:db8::1]:65535"},
	{"[::1]:50551", "dns:///[::1]:50551"},
	{"", NULL},
	{"unix:", NULL},
	{"unix:relative", NULL},
	{"host", NULL},
	{"host:", NULL},
	{":50551", NULL},
	{"host:0", NULL},
	{"host:65536", NULL},
	{"host:99999999999", NULL},
	{"host:http", NULL},
	{"host:1 ", NULL},
	{"host:+1", NULL},
	{"2001:db8::1:50551", NULL},
	{"[2001:db8::1]", NULL},
	{"[]:1", NULL},
	{"[::1]]:1", NULL},
	{"dns:///host:1", NULL},
	{"ipv4:127.0.0.1:1", NULL},
};

static void test_targets(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(targets); i++) {
		char resolved[CHANNEL_TARGET_MAX] = "untouched";
		struct waymark_error error;
		int code = channel_resolve_target(targets[i].target, resolved, &error);

		if (targets[i].resolved) {
			assert_int_equal(code, 0);
			assert_string_equal(resolved, targets[i].resolved);
			continue;
		}
		assert_int_equal(code, WAYMARK_INVALID_ARGUMENT);
		assert_string_equal(error.field, "target");
		assert_non_null(strstr(error.message, targets[i].target));
		assert_string_equal(resolved, "untouched");
	}
}

static void test_long_target(void **state)
{
	char target[CHANNEL_TARGET_MAX + 16] = "unix:/";
	char resolved[CHANNEL_TARGET_MAX];

	(void)state;
	memset(target + 6, 'x', CHANNEL_TARGET_MAX - 7);
	assert_int_equal(channel_resolve_target(target, resolved, NULL), 0);
	target[CHANNEL_TARGET_MAX - 1] = 'x';
	assert_int_equal(channel_resolve_target(target, resolved, NULL),
			 WAYMARK_INVALID_ARGUMENT);
}

static const char not_pem[] = "/proc/self/status";

static const struct {
	struct waymark_options options;
	int code;
	const char *field;
} refusals[] = {
	{{.target = NULL}, WAYMARK_INVALID_ARGUMENT, "target"},
	{{.target = "host"}, WAYMARK_INVALID_ARGUMENT, "target"},
	{{.target = "host:1"}, WAYMARK_INVALID_ARGUMENT, "tls_cert"},
	{{.target = "host:1", .tls_cert = not_pem}, WAYMARK_INVALID_ARGUMENT, "tls_key"},
	{{.target = "host:1", .tls_key = not_pem}, WAYMARK_INVALID_ARGUMENT, "tls_cert"},
	{{.target = "host:1", .tls_key = not_pem, .tls_cert = not_pem},
	 WAYMARK_FAILED_PRECONDITION,
	 "tls_cert"},
	{{.target = "host:1", .tls_key = not_pem, .tls_cert = "/nonexistent"},
	 WAYMARK_FAILED_PRECONDITION,
	 "tls_cert"},
	{{.target = "host:1", .tls_key = not_pem, .tls_cert = not_pem, .tls_ca = "/"},
	 WAYMARK_FAILED_PRECONDITION,
	 "tls_ca"},
	{{.target = "host:1", .insecure = true, .tls_ca = not_pem},
	 WAYMARK_INVALID_ARGUMENT,
	 "insecure"},
	{{.target = "unix:/x", .call_timeout_ms = -1},
	 WAYMARK_INVALID_ARGUMENT,
	 "call_timeout_ms"},
	{{.target = "unix:/x", .connect_timeout_ms = INT64_MAX},
	 WAYMARK_INVALID_ARGUMENT,
	 "connect_timeout_ms"},
	{{.target = "unix:/x", .replace_timeout_ms = -1},
	 WAYMARK_INVALID_ARGUMENT,
	 "replace_timeout_ms"},
	/* Agents would end the connection. */
	{{.target = "unix:/x", .keepalive_time_ms = 9999},
	 WAYMARK_INVALID_ARGUMENT,
	 "keepalive_time_ms"},
	{{.target = "unix:/x", .keepalive_timeout_ms = -1},
	 WAYMARK_INVALID_ARGUMENT,
	 "keepalive_timeout_ms"},
};

static void test_refused_options(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(refusals); i++) {
		struct waymark_client *client = NULL;
		struct waymark_error error;

		assert_int_equal(waymark_open(&refusals[i].options, &client, &error),
				 refusals[i].code);
		assert_string_equal(error.field, refusals[i].field);
		assert_string_not_equal(error.message, "");
		assert_null(client);
	}
}

static void test_accepted_options(void **state)
{
	static const struct waymark_options accepted[] = {
		{.target = "host:1", .insecure = true},
		{.target = "unix:/x"},
		/* Files of the environment do no harm to a unix socket. */
		{.target = "unix:/x", .tls_ca = "/nonexistent"},
		{.target = "unix:/x", .call_timeout_ms = 1, .keepalive_time_ms = 10000},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(accepted); i++) {
		struct waymark_client *client = NULL;

		assert_int_equal(waymark_open(&accepted[i], &client, NULL), 0);
		assert_non_null(client);
		waymark_close(client);
	}
	waymark_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_long_target),
		cmocka_unit_test(test_refused_options),
		cmocka_unit_test(test_accepted_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
