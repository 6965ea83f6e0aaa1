/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of every shape: what is marked, what is left alone, and under which name. */
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#include "check.h"
#include "expect.h"

#define LABEL 0x5A5A5u
#define PORT 5000

static const uint8_t port_protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE,
					 IPPROTO_SCTP, IPPROTO_DCCP};

static struct ends usual(void)
{
	return ends_of(SOURCE, TARGET);
}

/* Ends a packet with UDP from port 4000 to PORT. */
static void finish_udp(struct frame *frame)
{
	frame_ports(frame, IPPROTO_UDP, 4000, PORT);
	frame_payload(frame, 24);
}

/* The ports of the packet can be read: each kind finds it. */
static void expect_every_kind(struct lab *lab, const struct frame *frame, uint8_t protocol)
{
	int program = frame->ethernet ? lab_mark_l2(lab) : lab_mark_l3(lab);

	program_one(lab, mark_flow(TARGET, protocol, 4000, PORT, word_raw(LABEL)));
	expect_label(program, frame, LABEL);
	program_one(lab, mark_endpoint(TARGET, protocol, PORT, word_raw(LABEL)));
	expect_label(program, frame, LABEL);
	program_one(lab, mark_host(TARGET, word_raw(LABEL)));
	expect_label(program, frame, LABEL);
	program_one(lab, mark_network("2001:db8:2::", 48, word_raw(LABEL)));
	expect_label(program, frame, LABEL);
	expect_verdict(lab, VERDICT_MARKED, 1);
}

/* They cannot: HOST and NETWORK find it, FLOW and ENDPOINT of no protocol do. */
static void expect_address_kinds(struct lab *lab, const struct frame *frame)
{
	int program = frame->ethernet ? lab_mark_l2(lab) : lab_mark_l3(lab);

	for (size_t i = 0; i < sizeof(port_protocols); i++) {
		struct lab_mark marks[] = {
			mark_flow(TARGET, port_protocols[i], 4000, PORT, word_raw(LABEL)),
			mark_endpoint(TARGET, port_protocols[i], PORT, word_raw(LABEL)),
		};

		lab_program(lab, marks, 2);
		expect_untouched(program, frame);
		expect_verdict(lab, VERDICT_NO_MATCH, 1);
	}
	program_one(lab, mark_host(TARGET, word_raw(LABEL)));
	expect_label(program, frame, LABEL);
	program_one(lab, mark_network("2001:db8:2::", 48, word_raw(LABEL)));
	expect_label(program, frame, LABEL);
}

/* Whatever matches, the packet stays as it is and counts under this name. */
static void expect_refused(struct lab *lab, const struct frame *frame, enum verdict verdict)
{
	program_one(lab, mark_network("::", 0, word_raw(LABEL)));
	expect_untouched(frame->ethernet ? lab_mark_l2(lab) : lab_mark_l3(lab), frame);
	expect_verdict(lab, verdict, 1);
}

static void test_protocols_with_ports(void **state)
{
	struct ends ends = usual();

	for (size_t i = 0; i < sizeof(port_protocols); i++) {
		struct frame frame = frame_plain(&ends, port_protocols[i]);

		expect_every_kind(*state, &frame, port_protocols[i]);
	}
}

static void test_protocols_without_ports(void **state)
{
	static const uint8_t protocols[] = {IPPROTO_ICMPV6, IPPROTO_ESP,  IPPROTO_NONE,
					    IPPROTO_GRE,    IPPROTO_IPV6, 253};
	struct ends ends = usual();

	for (size_t i = 0; i < sizeof(protocols); i++) {
		struct frame frame = frame_ethernet();

		frame_ipv6(&frame, &ends, protocols[i]);
		frame_ports(&frame, IPPROTO_UDP, 4000, PORT); /* what would be ports */
		frame_payload(&frame, 40);
		expect_address_kinds(*state, &frame);
	}
}

static void test_header_alone(void **state)
{
	struct ends ends = usual();
	struct frame frame = frame_ethernet();

	frame_ipv6(&frame, &ends, IPPROTO_NONE);
	expect_address_kinds(*state, &frame);
}

static void test_other_network_protocols(void **state)
{
	static const uint16_t types[] = {ETH_P_IP,	ETH_P_ARP, ETH_P_LLDP,
					 ETH_P_MPLS_UC, 0x0040,	   ETH_P_8021AH};
	struct ends ends = usual();
	struct frame frame = frame_plain(&ends, IPPROTO_TCP);

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		frame.bytes[12] = types[i] >> 8;
		frame.bytes[13] = types[i] & 0xFF;
		expect_refused(*state, &frame, VERDICT_NOT_IPV6);
	}
}

static void test_other_versions(void **state)
{
	struct ends ends = usual();

	for (unsigned version = 0; version < 16; version++) {
		struct frame plain = frame_plain(&ends, IPPROTO_TCP);
		struct frame other = frame_plain(&ends, IPPROTO_ICMPV6);

		if (version == 6)
			continue;
		plain.bytes[plain.network] = (uint8_t)(version << 4);
		other.bytes[other.network] = (uint8_t)(version << 4);
		expect_refused(*state, &plain, VERDICT_NOT_IPV6);
		expect_refused(*state, &other, VERDICT_NOT_IPV6);
	}
}

static struct frame tagged(const uint16_t tags[], size_t n)
{
	struct ends ends = usual();
	struct frame frame = frame_ethernet();

	for (size_t i = 0; i < n; i++)
		frame_tag(&frame, tags[i]);
	frame_ipv6(&frame, &ends, IPPROTO_UDP);
	finish_udp(&frame);
	return frame;
}

static void test_tags(void **state)
{
	static const uint16_t tags[][2] = {{ETH_P_8021Q, ETH_P_8021Q},
					   {ETH_P_8021Q, ETH_P_8021AD},
					   {ETH_P_8021AD, ETH_P_8021Q},
					   {ETH_P_8021AD, ETH_P_8021AD}};

	for (size_t i = 0; i < 4; i++) {
		struct frame one = tagged(tags[i], 1), two = tagged(tags[i], 2);

		expect_every_kind(*state, &one, IPPROTO_UDP);
		expect_every_kind(*state, &two, IPPROTO_UDP);
	}
}

static void test_three_tags_are_not_ipv6(void **state)
{
	static const uint16_t tags[] = {ETH_P_8021AD, ETH_P_8021Q, ETH_P_8021Q};
	struct frame frame = tagged(tags, 3);

	expect_refused(*state, &frame, VERDICT_NOT_IPV6);
}

static void test_tagged_ipv4(void **state)
{
	static const uint16_t tags[] = {ETH_P_8021Q};
	struct frame frame = tagged(tags, 1);

	frame.bytes[16] = ETH_P_IP >> 8;
	frame.bytes[17] = ETH_P_IP & 0xFF;
	expect_refused(*state, &frame, VERDICT_NOT_IPV6);
}

static void test_each_extension(void **state)
{
	static const uint8_t types[] = {IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS};
	static const size_t lengths[] = {8, 16, 24, 256, 2048};
	struct ends ends = usual();

	for (size_t i = 0; i < 15; i++) {
		struct frame frame = frame_ethernet();

		frame_ipv6(&frame, &ends, types[i % 3]);
		frame_extension(&frame, IPPROTO_UDP, lengths[i / 3]);
		finish_udp(&frame);
		expect_every_kind(*state, &frame, IPPROTO_UDP);
	}
}

static void test_authentication_header(void **state)
{
	struct ends ends = usual();

	for (size_t length = 12; length <= 1028; length += 508) {
		struct frame frame = frame_ethernet();

		frame_ipv6(&frame, &ends, IPPROTO_AH);
		frame_authentication(&frame, IPPROTO_UDP, length);
		finish_udp(&frame);
		expect_every_kind(*state, &frame, IPPROTO_UDP);
	}
}

/* All six that may follow each other, in the order of RFC 8200. */
static void test_all_extensions_in_a_row(void **state)
{
	struct ends ends = usual();
	struct frame frame = frame_ethernet();

	frame_ipv6(&frame, &ends, IPPROTO_HOPOPTS);
	frame_extension(&frame, IPPROTO_DSTOPTS, 8);
	frame_extension(&frame, IPPROTO_ROUTING, 16);
	frame_extension(&frame, IPPROTO_FRAGMENT, 24);
	frame_fragment(&frame, IPPROTO_AH, 0, true);
	frame_authentication(&frame, IPPROTO_DSTOPTS, 24);
	frame_extension(&frame, IPPROTO_UDP, 8);
	finish_udp(&frame);
	expect_every_kind(*state, &frame, IPPROTO_UDP);
}

static struct frame extended(unsigned headers)
{
	struct ends ends = usual();
	struct frame frame = frame_ethernet();

	frame_ipv6(&frame, &ends, IPPROTO_DSTOPTS);
	for (unsigned i = 1; i <= headers; i++)
		frame_extension(&frame, i == headers ? IPPROTO_UDP : IPPROTO_DSTOPTS, 8);
	finish_udp(&frame);
	return frame;
}

static void test_too_many_extensions_hide_the_ports(void **state)
{
	struct frame most = extended(8), more = extended(9);

	expect_every_kind(*state, &most, IPPROTO_UDP);
	expect_address_kinds(*state, &more);
}

static struct frame fragment(uint16_t offset, bool more)
{
	struct ends ends = usual();
	struct frame frame = frame_ethernet();

	frame_ipv6(&frame, &ends, IPPROTO_FRAGMENT);
	frame_fragment(&frame, IPPROTO_UDP, offset, more);
	finish_udp(&frame);
	return frame;
}

static void test_fragments(void **state)
{
	struct frame first = fragment(0, true), whole = fragment(0, false);
	struct frame second = fragment(1, true), last = fragment(0x1FFF, false);

	expect_every_kind(*state, &first, IPPROTO_UDP);
	expect_every_kind(*state, &whole, IPPROTO_UDP);
	expect_address_kinds(*state, &second);
	expect_address_kinds(*state, &last);
}

/* A payload length of 0 with a jumbo option, as BIG TCP has it; and one that is a lie. */
static void test_payload_length_is_not_believed(void **state)
{
	static const uint8_t lengths[] = {0, 1, 255};
	struct ends ends = usual();

	for (size_t i = 0; i < sizeof(lengths); i++) {
		struct frame frame = frame_ethernet();

		frame_ipv6(&frame, &ends, IPPROTO_HOPOPTS);
		frame_extension(&frame, IPPROTO_UDP, 8);
		finish_udp(&frame);
		memset(frame.bytes + frame.network + 4, lengths[i], 2);
		expect_every_kind(*state, &frame, IPPROTO_UDP);
	}
}

static struct frame bare(uint8_t protocol)
{
	struct ends ends = usual();
	struct frame frame = frame_bare();

	frame_ipv6(&frame, &ends, protocol);
	return frame;
}

static void test_no_ethernet_header(void **state)
{
	struct frame plain = bare(IPPROTO_UDP), extended_one = bare(IPPROTO_DSTOPTS);
	struct frame icmp = bare(IPPROTO_ICMPV6);

	finish_udp(&plain);
	expect_every_kind(*state, &plain, IPPROTO_UDP);
	frame_extension(&extended_one, IPPROTO_UDP, 16);
	finish_udp(&extended_one);
	expect_every_kind(*state, &extended_one, IPPROTO_UDP);
	frame_payload(&icmp, 40);
	expect_address_kinds(*state, &icmp);
}

/* Octets 12 and 13, which TEST_RUN takes for skb->protocol, say IPv4 or a tag. */
static void test_no_ethernet_header_other_protocols(void **state)
{
	static const uint16_t types[] = {ETH_P_IP, ETH_P_8021Q, ETH_P_ARP};
	struct frame frame = bare(IPPROTO_UDP);

	finish_udp(&frame);
	for (size_t i = 0; i < 3; i++) {
		frame.bytes[12] = types[i] >> 8;
		frame.bytes[13] = types[i] & 0xFF;
		expect_refused(*state, &frame, VERDICT_NOT_IPV6);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_protocols_with_ports),
		cmocka_unit_test(test_protocols_without_ports),
		cmocka_unit_test(test_header_alone),
		cmocka_unit_test(test_other_network_protocols),
		cmocka_unit_test(test_other_versions),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_three_tags_are_not_ipv6),
		cmocka_unit_test(test_tagged_ipv4),
		cmocka_unit_test(test_each_extension),
		cmocka_unit_test(test_authentication_header),
		cmocka_unit_test(test_all_extensions_in_a_row),
		cmocka_unit_test(test_too_many_extensions_hide_the_ports),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_payload_length_is_not_believed),
		cmocka_unit_test(test_no_ethernet_header),
		cmocka_unit_test(test_no_ethernet_header_other_protocols),
	};

	return cmocka_run_group_tests(tests, lab_setup, lab_teardown);
}
