/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "core/match.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define TCP 6
#define UDP 17

static const struct {
	const char *name;
	struct match_text
		text; /* destination, source, protocol, source port, destination port */
	enum mark_kind kind;
	const char *destination, *source;
} good[] = {
	{"host", {"2001:db8::2", "", 0, 0, 0}, MARK_HOST, "2001:db8::2", ""},
	{"host as /128", {"2001:db8::2/128", "", 0, 0, 0}, MARK_HOST, "2001:db8::2", ""},
	{"host, long text",
	 {"2001:0DB8:0:0:0:0:0:2", "", 0, 0, 0},
	 MARK_HOST,
	 "2001:db8::2",
	 ""},
	{"host, empty source", {"2001:db8::2", "", 0, 0, 0}, MARK_HOST, "2001:db8::2", ""},
	{"multicast", {"ff02::fb", "", 0, 0, 0}, MARK_HOST, "ff02::fb", ""},
	{"link-local", {"fe80::1", "", 0, 0, 0}, MARK_HOST, "fe80::1", ""},
	{"network", {"2001:db8::/32", "", 0, 0, 0}, MARK_NETWORK, "2001:db8::/32", ""},
	{"network of two",
	 {"2001:db8::2/127", "", 0, 0, 0},
	 MARK_NETWORK,
	 "2001:db8::2/127",
	 ""},
	{"everything", {"::/0", "", 0, 0, 0}, MARK_NETWORK, "::/0", ""},
	{"endpoint", {"2001:db8::2", NULL, TCP, 0, 443}, MARK_ENDPOINT, "2001:db8::2", ""},
	{"endpoint as /128",
	 {"2001:db8::2/128", "", UDP, 0, 1},
	 MARK_ENDPOINT,
	 "2001:db8::2",
	 ""},
	{"flow",
	 {"2001:db8::2", "2001:db8::1", TCP, 65535, 1},
	 MARK_FLOW,
	 "2001:db8::2",
	 "2001:db8::1"},
	{"flow, source as /128",
	 {"2001:db8::2", "2001:DB8::1/128", UDP, 1, 65535},
	 MARK_FLOW,
	 "2001:db8::2",
	 "2001:db8::1"},
	{"dccp", {"2001:db8::2", "", 33, 0, 5001}, MARK_ENDPOINT, "2001:db8::2", ""},
	{"sctp", {"2001:db8::2", "", 132, 0, 5001}, MARK_ENDPOINT, "2001:db8::2", ""},
	{"udp-lite", {"2001:db8::2", "", 136, 0, 5001}, MARK_ENDPOINT, "2001:db8::2", ""},
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(good); i++) {
		char destination[MATCH_ADDRESS_TEXT_MAX], source[MATCH_ADDRESS_TEXT_MAX];
		struct match match;
		struct fault fault;

		if (match_parse(&good[i].text, &match, &fault) < 0)
			fail_msg("%s: %s", good[i].name, fault.message);
		match_destination_text(&match, destination);
		match_source_text(&match, source);
		if (match.kind != good[i].kind ||
		    strcmp(destination, good[i].destination) != 0 ||
		    strcmp(source, good[i].source) != 0)
			fail_msg("%s: kind %u, destination %s, source %s", good[i].name,
				 match.kind, destination, source);
		assert_int_equal(match.protocol, good[i].text.protocol);
		assert_int_equal(match.source_port, good[i].text.source_port);
		assert_int_equal(match.destination_port, good[i].text.destination_port);
	}
}

static const struct {
	const char *name;
	struct match_text text;
	const char *field, *reason, *message;
} bad[] = {
	{"nothing",
	 {NULL, "", 0, 0, 0},
	 "destination",
	 "MISSING_FIELD",
	 "a match needs a destination"},
	{"empty",
	 {"", "", 0, 0, 0},
	 "destination",
	 "MISSING_FIELD",
	 "a match needs a destination"},
	{"no destination",
	 {"", "2001:db8::1", TCP, 1, 2},
	 "destination",
	 "MISSING_FIELD",
	 "a match needs a destination"},
	{"bad destination",
	 {"2001:db8::x", "", 0, 0, 0},
	 "destination",
	 "INVALID_ADDRESS",
	 "destination \"2001:db8::x\": not an IPv6 address or prefix"},
	{"unspecified",
	 {"::", "", 0, 0, 0},
	 "destination",
	 "INVALID_ADDRESS",
	 "every destination is ::/0"},
	{"host bits",
	 {"2001:db8::1/32", "", 0, 0, 0},
	 "destination",
	 "HOST_BITS",
	 "2001:db8::1/32 has host bits set; the prefix is 2001:db8::/32"},
	{"IPv4",
	 {"192.0.2.1", "", 0, 0, 0},
	 "destination",
	 "IPV4_UNSUPPORTED",
	 "destination 192.0.2.1: "},
	{"zone",
	 {"fe80::1%eth0", "", 0, 0, 0},
	 "destination",
	 "ZONE_UNSUPPORTED",
	 "fe80::1%eth0"},
	{"IPv4 source",
	 {"2001:db8::2", "::ffff:1.2.3.4", TCP, 1, 2},
	 "source",
	 "IPV4_UNSUPPORTED",
	 "source ::ffff:1.2.3.4: "},
	{"multicast source",
	 {"2001:db8::2", "ff02::1", UDP, 1, 2},
	 "source",
	 "INVALID_ADDRESS",
	 "no host sends"},
	{"unspecified source",
	 {"2001:db8::2", "::", UDP, 1, 2},
	 "source",
	 "INVALID_ADDRESS",
	 "no host sends"},
	{"prefix source",
	 {"2001:db8::2", "2001:db8::/64", UDP, 1, 2},
	 "source",
	 "INVALID_ADDRESS",
	 "source 2001:db8::/64: must be one address"},
	{"ICMPv6", {"2001:db8::2", "", 58, 0, 1}, "protocol", "UNKNOWN_FIELD", "protocol 58: "},
	{"protocol 256 + 6",
	 {"2001:db8::2", "", 262, 0, 1},
	 "protocol",
	 "UNKNOWN_FIELD",
	 "protocol 262: "},
	{"source port",
	 {"2001:db8::2", "2001:db8::1", TCP, 70000, 1},
	 "source_port",
	 "OUT_OF_RANGE",
	 "source_port 70000: not in 1..65535"},
	{"destination port",
	 {"2001:db8::2", "", TCP, 0, 65536},
	 "destination_port",
	 "OUT_OF_RANGE",
	 "destination_port 65536: not in 1..65535"},
	{"protocol alone",
	 {"2001:db8::2", "", TCP, 0, 0},
	 "destination_port",
	 "MISSING_FIELD",
	 "destination_port is missing"},
	{"port alone",
	 {"2001:db8::2", "", 0, 0, 443},
	 "protocol",
	 "MISSING_FIELD",
	 "needs protocol and destination_port"},
	{"source alone",
	 {"2001:db8::2", "2001:db8::1", 0, 0, 0},
	 "protocol",
	 "MISSING_FIELD",
	 "protocol is missing"},
	{"source port alone",
	 {"2001:db8::2", "", 0, 99, 0},
	 "source",
	 "MISSING_FIELD",
	 "source is missing"},
	{"flow without source",
	 {"2001:db8::2", "", TCP, 1, 2},
	 "source",
	 "MISSING_FIELD",
	 "needs source, protocol, source_port and destination_port"},
	{"flow without protocol",
	 {"2001:db8::2", "2001:db8::1", 0, 1, 2},
	 "protocol",
	 "MISSING_FIELD",
	 "protocol is missing"},
	{"flow without source port",
	 {"2001:db8::2", "2001:db8::1", TCP, 0, 2},
	 "source_port",
	 "MISSING_FIELD",
	 "source_port is missing"},
	{"flow without destination port",
	 {"2001:db8::2", "2001:db8::1", TCP, 1, 0},
	 "destination_port",
	 "MISSING_FIELD",
	 "destination_port is missing"},
	{"prefix with protocol and port",
	 {"2001:db8::/32", "", TCP, 0, 443},
	 "protocol",
	 "UNEXPECTED_FIELD",
	 "destination 2001:db8::/32 is a prefix, which rules protocol out"},
	{"prefix with port",
	 {"2001:db8::/32", "", 0, 0, 443},
	 "destination_port",
	 "UNEXPECTED_FIELD",
	 "rules destination_port out"},
	{"prefix with source",
	 {"::/0", "2001:db8::1", TCP, 1, 2},
	 "source",
	 "UNEXPECTED_FIELD",
	 "rules source out"},
};

static void test_bad(void **state)
{
	struct match untouched, match;

	(void)state;
	memset(&untouched, 0xA5, sizeof(untouched));
	for (size_t i = 0; i < LENGTH(bad); i++) {
		struct fault fault = {.code = FAULT_NONE};

		match = untouched;
		if (match_parse(&bad[i].text, &match, &fault) != -EINVAL)
			fail_msg("%s was accepted", bad[i].name);
		if (fault.code != FAULT_INVALID_ARGUMENT ||
		    strcmp(fault.field, bad[i].field) != 0 ||
		    strcmp(fault.reason, bad[i].reason) != 0 ||
		    !strstr(fault.message, bad[i].message))
			fail_msg("%s: %s %s: %s", bad[i].name, fault.field, fault.reason,
				 fault.message);
		assert_memory_equal(&match, &untouched, sizeof(match));
	}
}

/* Equal matches are equal as bytes, however they were written. */
static void test_bytes_are_canonical(void **state)
{
	const struct match_text writings[] = {
		{"2001:db8::2", "", 0, 0, 0},
		{"2001:DB8:0::0:2/128", NULL, 0, 0, 0},
	};
	struct match first, second, by_hand = {.kind = MARK_HOST, .prefix_length = 128};

	(void)state;
	memset(&first, 0xFF, sizeof(first));
	memset(&second, 0, sizeof(second));
	inet_pton(AF_INET6, "2001:db8::2", by_hand.destination);
	assert_int_equal(match_parse(&writings[0], &first, NULL), 0);
	assert_int_equal(match_parse(&writings[1], &second, NULL), 0);
	assert_memory_equal(&first, &by_hand, sizeof(first));
	assert_memory_equal(&second, &by_hand, sizeof(second));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_bytes_are_canonical),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
