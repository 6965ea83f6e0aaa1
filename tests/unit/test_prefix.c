/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/prefix.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define UNTOUCHED 0xA5

static void expect_fault(const char *text, const struct fault *fault, const char *field,
			 const char *reason, const char *message)
{
	if (fault->code != FAULT_INVALID_ARGUMENT || strcmp(fault->field, field) != 0 ||
	    strcmp(fault->reason, reason) != 0 || !strstr(fault->message, message))
		fail_msg("\"%s\": %s %s: %s", text, fault->field, fault->reason,
			 fault->message);
}

/* RFC 5952 is what the C library writes. */
static void writes_as_inet_ntop(void **state)
{
	char text[INET6_ADDRSTRLEN], wanted[INET6_ADDRSTRLEN];

	(void)state;
	for (unsigned int bits = 0; bits < 1 << 16; bits++) {
		uint8_t address[16];

		for (unsigned int i = 0; i < sizeof(address); i++)
			address[i] = bits >> i & 1 ? (uint8_t)(bits * 7 + i * 13 + 1) : 0;
		inet_ntop(AF_INET6, address, wanted, sizeof(wanted));
		assert_ptr_equal(prefix_address_text(address, text), text + strlen(wanted));
		assert_string_equal(text, wanted);
	}
}

/* Texts of what addresses are made of, most of which are none. */
static void reads_as_inet_pton(void **state)
{
	static const char *const parts[] = {
		"0",  "f", "2001", "Db8", "0012", "1:2:3", "a:0",   "7:0:0:5", ":1:",
		"::", ":", "10.1", "%",	  "",	  "0:0",   "fffff", "::ffff",  "8"};
	unsigned int seed = 1, read = 0;

	(void)state;
	for (int i = 0; i < 500000; i++) {
		char text[128] = "";
		uint8_t address[16], wanted[16], length;
		struct fault fault;
		bool is_address;

		for (int n = rand_r(&seed) % 8, end = 0; n >= 0; n--)
			end += sprintf(text + end, "%s%s",
				       parts[(unsigned int)rand_r(&seed) % LENGTH(parts)],
				       n > 0 ? ":" : "");
		is_address = inet_pton(AF_INET6, text, wanted) == 1 &&
			     !IN6_IS_ADDR_V4MAPPED((struct in6_addr *)wanted) &&
			     !IN6_IS_ADDR_UNSPECIFIED((struct in6_addr *)wanted);
		if (prefix_parse(text, "destination", address, &length, &fault) == 0) {
			assert_true(is_address);
			assert_memory_equal(address, wanted, sizeof(wanted));
			read++;
		} else if (is_address) {
			fail_msg("%s: %s", text, fault.message);
		}
	}
	assert_in_range(read, 10000, 490000);
}

static const struct {
	const char *text, *answer;
} good[] = {
	{"2001:db8::1", "2001:db8::1/128"},
	{"2001:DB8:0:0:0:0:0:1", "2001:db8::1/128"},
	{"2001:db8::1/128", "2001:db8::1/128"},
	{"2001:db8::/32", "2001:db8::/32"},
	{"2001:db8:0:0:1::/80", "2001:db8:0:0:1::/80"},
	{"8000::/1", "8000::/1"},
	{"::/0", "::/0"},
	{"0:0:0:0:0:0:0:0/0", "::/0"},
	{"::1", "::1/128"},
	{"::/8", "::/8"},
	{"fe80::1", "fe80::1/128"},
	{"ff02::1", "ff02::1/128"},
	{"ff00::/8", "ff00::/8"},
	{"64:ff9b::192.0.2.1", "64:ff9b::c000:201/128"},
	{"2001:db8:1111:2222:3333:4444:5555:6666",
	 "2001:db8:1111:2222:3333:4444:5555:6666/128"},
	{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1/128"}, /* one group is not shortened */
	{"2001:0:0:1:0:0:0:1", "2001:0:0:1::1/128"}, /* the longest run is */
};

static void test_parse_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(good); i++) {
		uint8_t address[16], length;
		char text[PREFIX_TEXT_MAX];
		struct fault fault;

		if (prefix_parse(good[i].text, "destination", address, &length, &fault) < 0)
			fail_msg("\"%s\": %s", good[i].text, fault.message);
		prefix_text(address, length, text);
		assert_string_equal(text, good[i].answer);
	}
}

#define FORTY "0000000000000000000000000000000000000000"

static const struct {
	const char *text, *reason, *message;
} bad[] = {
	{"", "INVALID_ADDRESS", "x \"\": not an IPv6 address"},
	{" 2001:db8::1", "INVALID_ADDRESS", "\" 2001:db8::1\""},
	{"2001:db8::1 ", "INVALID_ADDRESS", "\"2001:db8::1 \""},
	{"2001:db8::1\n", "INVALID_ADDRESS", "not an IPv6 address"},
	{"2001:db8:: /32", "INVALID_ADDRESS", "not an IPv6 address"},
	{"2001:db8::1::1", "INVALID_ADDRESS", "not an IPv6 address"},
	{"2001:db8::12345", "INVALID_ADDRESS", "not an IPv6 address"},
	{"2001:db8::g", "INVALID_ADDRESS", "not an IPv6 address"},
	{"1:2:3:4:5:6:7", "INVALID_ADDRESS", "not an IPv6 address"},
	{"1:2:3:4:5:6:7:8:9", "INVALID_ADDRESS", "not an IPv6 address"},
	{"[2001:db8::1]", "INVALID_ADDRESS", "not an IPv6 address"},
	{"host.example.org", "INVALID_ADDRESS", "not an IPv6 address"},
	{"192.0.2", "INVALID_ADDRESS", "not an IPv6 address"},
	{"192.0.2.256", "INVALID_ADDRESS", "not an IPv6 address"},
	{"/32", "INVALID_ADDRESS", "not an IPv6 address"},
	{"/", "INVALID_ADDRESS", "not an IPv6 address"},
	{FORTY FORTY, "INVALID_ADDRESS", "x of 80 octets"},
	{"2001:db8::/" FORTY, "INVALID_ADDRESS", "x of 51 octets"},
	{"2001:db8::/", "INVALID_ADDRESS", "the prefix length is not a number in 0..128"},
	{"2001:db8::/129", "INVALID_ADDRESS", "\"2001:db8::/129\": the prefix length"},
	{"2001:db8::/4294967328", "INVALID_ADDRESS", "the prefix length"},
	{"2001:db8::/-1", "INVALID_ADDRESS", "the prefix length"},
	{"2001:db8::/+32", "INVALID_ADDRESS", "the prefix length"},
	{"2001:db8::/08", "INVALID_ADDRESS", "the prefix length"},
	{"::/00", "INVALID_ADDRESS", "the prefix length"},
	{"2001:db8::/ 32", "INVALID_ADDRESS", "the prefix length"},
	{"2001:db8::/32 ", "INVALID_ADDRESS", "the prefix length"},
	{"2001:db8::/32/32", "INVALID_ADDRESS", "the prefix length"},
	{"2001:db8::/0x20", "INVALID_ADDRESS", "the prefix length"},
	{"2001:db8::/ffff::", "INVALID_ADDRESS", "the prefix length"},
	{"2001:db8::1/32", "HOST_BITS",
	 "x 2001:db8::1/32 has host bits set; the prefix is 2001:db8::/32"},
	{"2001:db8::1/127", "HOST_BITS", "the prefix is 2001:db8::/127"},
	{"2001:db8::/28", "HOST_BITS", "the prefix is 2001:db0::/28"},
	{"1::/0", "HOST_BITS", "the prefix is ::/0"},
	{"::", "INVALID_ADDRESS", "every destination is ::/0"},
	{"::/128", "INVALID_ADDRESS", "every destination is ::/0"},
	{"192.0.2.1", "IPV4_UNSUPPORTED", "x 192.0.2.1: IPv4"},
	{"192.0.2.0/24", "IPV4_UNSUPPORTED", "x 192.0.2.0/24: IPv4"},
	{"0.0.0.0/0", "IPV4_UNSUPPORTED", "IPv4"},
	{"192.0.2.1/", "IPV4_UNSUPPORTED", "IPv4"},
	{"::ffff:1.2.3.4", "IPV4_UNSUPPORTED", "IPv4"},
	{"::ffff:102:304", "IPV4_UNSUPPORTED", "IPv4"},
	{"::ffff:0:0/96", "IPV4_UNSUPPORTED", "IPv4"},
	{"fe80::1%eth0", "ZONE_UNSUPPORTED", "x fe80::1%eth0: "},
	{"fe80::1%", "ZONE_UNSUPPORTED", "no zone"},
	{"fe80::%eth0/64", "ZONE_UNSUPPORTED", "no zone"},
	{"fe80:1111:2222:3333:4444:5555:6666:7777%interface-of15ch", "ZONE_UNSUPPORTED",
	 "no zone"},
};

static void test_parse_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		uint8_t address[16] = {UNTOUCHED}, length = UNTOUCHED;
		struct fault fault = {.code = FAULT_NONE};

		if (prefix_parse(bad[i].text, "x", address, &length, &fault) != -EINVAL)
			fail_msg("\"%s\" was accepted", bad[i].text);
		expect_fault(bad[i].text, &fault, "x", bad[i].reason, bad[i].message);
		assert_int_equal(address[0], UNTOUCHED);
		assert_int_equal(length, UNTOUCHED);
	}
}

static const struct {
	const char *text, *reason, *message;
} bad_sources[] = {
	{"::", "INVALID_ADDRESS", "no host sends from this address"},
	{"ff02::1", "INVALID_ADDRESS", "no host sends from this address"},
	{"2001:db8::/32", "INVALID_ADDRESS", "one address, not a prefix"},
	{"::/0", "INVALID_ADDRESS", "one address, not a prefix"},
	{"2001:db8::1/64", "HOST_BITS", "the prefix is 2001:db8::/64"},
	{"192.0.2.1", "IPV4_UNSUPPORTED", "IPv4"},
	{"fe80::1%1", "ZONE_UNSUPPORTED", "no zone"},
	{"localhost", "INVALID_ADDRESS", "not an IPv6 address"},
};

static void test_parse_source(void **state)
{
	uint8_t address[16] = {UNTOUCHED};
	struct in6_addr wanted;
	struct fault fault;

	(void)state;
	for (size_t i = 0; i < LENGTH(bad_sources); i++) {
		assert_int_equal(
			prefix_parse_source(bad_sources[i].text, "source", address, &fault),
			-EINVAL);
		expect_fault(bad_sources[i].text, &fault, "source", bad_sources[i].reason,
			     bad_sources[i].message);
		assert_int_equal(address[0], UNTOUCHED);
	}
	inet_pton(AF_INET6, "2001:db8::7", &wanted);
	assert_int_equal(prefix_parse_source("2001:db8::7", "source", address, &fault), 0);
	assert_memory_equal(address, &wanted, sizeof(wanted));
}

/* Bit by bit, for every length, against the definition. */
static void test_mask_every_length(void **state)
{
	uint8_t ones[16], masked[16];

	(void)state;
	memset(ones, 0xFF, sizeof(ones));
	for (unsigned int length = 0; length <= 128; length++) {
		prefix_mask(ones, (uint8_t)length, masked);
		for (unsigned int bit = 0; bit < 128; bit++)
			assert_int_equal(masked[bit / 8] >> (7 - bit % 8) & 1, bit < length);
	}
}

/* Flipping a bit leaves the prefix exactly if the bit is within its length. */
static void test_contains_every_bit(void **state)
{
	uint8_t prefix[16], address[16];

	(void)state;
	inet_pton(AF_INET6, "2001:db8:55aa:1234:ff00:ff::c3", prefix);
	for (unsigned int length = 0; length <= 128; length++)
		for (unsigned int bit = 0; bit < 128; bit++) {
			memcpy(address, prefix, sizeof(address));
			address[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
			assert_int_equal(prefix_contains(prefix, (uint8_t)length, address),
					 bit >= length);
		}
}

static void test_longest_text_fits(void **state)
{
	char text[PREFIX_TEXT_MAX];
	uint8_t address[16];

	(void)state;
	memset(address, 0xFF, sizeof(address));
	prefix_text(address, 128, text);
	assert_string_equal(text, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_as_inet_ntop),
		cmocka_unit_test(reads_as_inet_pton),
		cmocka_unit_test(test_parse_good),
		cmocka_unit_test(test_parse_bad),
		cmocka_unit_test(test_parse_source),
		cmocka_unit_test(test_mask_every_length),
		cmocka_unit_test(test_contains_every_bit),
		cmocka_unit_test(test_longest_text_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
