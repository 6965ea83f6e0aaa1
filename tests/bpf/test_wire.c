/* SPDX-License-Identifier: Apache-2.0 */
/* Packets that leave over a real device and are read back. */
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#include "check.h"
#include "expect.h"
#include "wire.h"

#define LABEL 0x5A5A5u
#define TAP 4000 /* below INTERFACES: counters of its own */
#define TUN 4095
#define TAP_WITHOUT_COUNTERS 5000

#define PAYLOAD 4500 /* beyond a page, so that the rest of a frame is not linear */
#define SEGMENT 1400

static struct frame udp_frame(bool ethernet, size_t payload)
{
	struct ends ends = ends_of(SOURCE, TARGET);
	struct frame frame = ethernet ? frame_ethernet() : frame_bare();

	frame_ipv6(&frame, &ends, IPPROTO_UDP);
	frame_ports(&frame, IPPROTO_UDP, 4000, 5000);
	frame_payload(&frame, payload);
	return frame;
}

static void expect_leaves(const struct wire *wire, const struct frame *after)
{
	struct frame left = wire_receive(wire);

	assert_int_equal(left.length, after->length);
	assert_memory_equal(left.bytes, after->bytes, after->length);
	assert_true(wire_is_empty(wire));
}

static void expect_count(const struct lab *lab, uint32_t ifindex, enum verdict verdict,
			 uint64_t packets)
{
	assert_int_equal(lab_interface(lab, ifindex).packets[verdict], packets);
}

/* Sends with only so many octets in the linear part. */
static void expect_nonlinear(struct lab *lab, const struct wire *wire, size_t linear)
{
	struct virtio_net_hdr offload = {.hdr_len = (uint16_t)linear};
	struct frame before = udp_frame(true, PAYLOAD), after;

	frame_set_class(&before, 0xB9);
	after = before;
	frame_set_label(&after, LABEL);
	wire_send(wire, &before, &offload);
	expect_leaves(wire, &after);
	expect_count(lab, TAP, VERDICT_MARKED, 1);
}

static void test_nonlinear_at_every_octet(void **state)
{
	struct lab *lab = *state;
	struct wire wire = wire_open(TAP, true, lab_mark_l2(lab));

	for (size_t linear = ETH_HLEN; linear <= ETH_HLEN + 40 + 10; linear++) {
		program_one(lab, mark_flow(TARGET, IPPROTO_UDP, 4000, 5000, word_raw(LABEL)));
		expect_nonlinear(lab, &wire, linear);
	}
	wire_close(&wire);
}

static void test_nonlinear_without_mark(void **state)
{
	struct virtio_net_hdr offload = {.hdr_len = ETH_HLEN};
	struct frame frame = udp_frame(true, PAYLOAD);
	struct lab *lab = *state;
	struct wire wire = wire_open(TAP, true, lab_mark_l2(lab));

	program_one(lab, mark_host("2001:db8::1", word_raw(LABEL)));
	wire_send(&wire, &frame, &offload);
	expect_leaves(&wire, &frame);
	expect_count(lab, TAP, VERDICT_NO_MATCH, 1);
	wire_close(&wire);
}

/* Cuts a frame at every octet, also inside of Ethernet's payload type and IPv6's header. */
static void expect_cuts(struct lab *lab, const struct wire *wire, const struct frame *whole,
			size_t shortest)
{
	for (size_t length = shortest; length <= whole->length; length++) {
		bool is_whole = length >= whole->network + 40 + 4;
		struct frame cut = *whole;

		cut.length = length;
		program_one(lab, mark_host(TARGET, word_raw(LABEL)));
		wire_send(wire, &cut, NULL);
		if (is_whole)
			frame_set_label(&cut, LABEL);
		expect_leaves(wire, &cut);
		expect_count(lab, (uint32_t)wire->ifindex,
			     is_whole ? VERDICT_MARKED : VERDICT_TRUNCATED, 1);
	}
}

static void test_truncated_at_every_octet(void **state)
{
	struct frame frame = udp_frame(true, 16);
	struct lab *lab = *state;
	struct wire wire = wire_open(TAP, true, lab_mark_l2(lab));

	expect_cuts(lab, &wire, &frame, ETH_HLEN);
	wire_close(&wire);
}

static void test_truncated_without_ethernet(void **state)
{
	struct frame frame = udp_frame(false, 16);
	struct lab *lab = *state;
	struct wire wire = wire_open(TUN, false, lab_mark_l3(lab));

	expect_cuts(lab, &wire, &frame, 1);
	wire_close(&wire);
}

static void test_interface_without_own_counters(void **state)
{
	struct frame before = udp_frame(true, 16), after = before;
	struct lab *lab = *state;
	struct wire wire = wire_open(TAP_WITHOUT_COUNTERS, true, lab_mark_l2(lab));

	program_one(lab, mark_host(TARGET, word_raw(LABEL)));
	frame_set_label(&after, LABEL);
	wire_send(&wire, &before, NULL);
	expect_leaves(&wire, &after);
	expect_count(lab, INTERFACE_OTHER, VERDICT_MARKED, 1);
	assert_int_equal(lab_interface(lab, INTERFACE_OTHER).marked_bytes, 40 + 8 + 16);
	wire_close(&wire);
}

static uint32_t sum(const uint8_t *bytes, size_t length, uint32_t start)
{
	for (size_t i = 0; i < length; i++)
		start += (uint32_t)bytes[i] << (i % 2 ? 0 : 8);
	return start;
}

static uint16_t fold(uint32_t total)
{
	while (total >> 16)
		total = (total & 0xFFFF) + (total >> 16);
	return (uint16_t)total;
}

/* One's complement sum of the pseudo-header of so many octets of TCP. */
static uint16_t pseudo_header(const uint8_t *ipv6, size_t length)
{
	return fold(sum(ipv6 + 8, 32, (uint32_t)length + IPPROTO_TCP));
}

/* A TCP super-packet as the kernel has its own: the checksum still only of the pseudo-header.
 */
static struct frame tcp_super_packet(bool ethernet)
{
	struct ends ends = ends_of(SOURCE, TARGET);
	struct frame frame = ethernet ? frame_ethernet() : frame_bare();
	uint16_t checksum;
	uint8_t *tcp;

	frame_ipv6(&frame, &ends, IPPROTO_TCP);
	frame_ports(&frame, IPPROTO_TCP, 4000, 5000);
	frame_payload(&frame, PAYLOAD);
	tcp = frame.bytes + frame.network + 40;
	tcp[13] = 0x10; /* ACK */
	checksum = pseudo_header(tcp - 40, 20 + PAYLOAD);
	tcp[16] = checksum >> 8;
	tcp[17] = checksum & 0xFF;
	return frame;
}

static struct virtio_net_hdr tcp_offload(const struct frame *frame)
{
	uint16_t transport = (uint16_t)(frame->network + 40);

	return (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV6,
		.hdr_len = transport + 20,
		.gso_size = SEGMENT,
		.csum_start = transport,
		.csum_offset = 16,
	};
}

/* One segment as it left: marked, intact, its checksum right. Returns its payload's length. */
static size_t segment_check(const struct frame *segment, const struct frame *whole, size_t done)
{
	const uint8_t *ipv6 = segment->bytes + whole->network, *tcp = ipv6 + 40;
	size_t length = segment->length - whole->network - 40, payload = length - 20;
	struct frame headed = *segment;

	headed.network = whole->network;
	assert_int_equal(frame_label(&headed), LABEL);
	assert_int_equal(fold(sum(tcp, length, pseudo_header(ipv6, length))), 0xFFFF);
	assert_memory_equal(tcp + 20, whole->bytes + whole->network + 60 + done, payload);
	return payload;
}

static void expect_segments(struct lab *lab, const struct wire *wire, const struct frame *whole)
{
	struct virtio_net_hdr offload = tcp_offload(whole);
	struct traffic left = {0}, counted;

	program_one(lab, mark_flow(TARGET, IPPROTO_TCP, 4000, 5000, word_raw(LABEL)));
	wire_send(wire, whole, &offload);
	for (size_t done = 0; done < PAYLOAD; left.packets++) {
		struct frame segment = wire_receive(wire);

		done += segment_check(&segment, whole, done);
		left.bytes += segment.length - whole->network;
	}
	assert_true(wire_is_empty(wire));
	assert_int_equal(left.packets, (PAYLOAD + SEGMENT - 1) / SEGMENT);
	counted = lab_mark_count(lab, 1);
	assert_memory_equal(&counted, &left, sizeof(left));
	expect_count(lab, (uint32_t)wire->ifindex, VERDICT_MARKED, left.packets);
}

static void test_super_packet_is_segmented(void **state)
{
	struct frame frame = tcp_super_packet(true);
	struct lab *lab = *state;
	struct wire wire = wire_open(TAP, true, lab_mark_l2(lab));

	expect_segments(lab, &wire, &frame);
	wire_close(&wire);
}

static void test_super_packet_without_ethernet(void **state)
{
	struct frame frame = tcp_super_packet(false);
	struct lab *lab = *state;
	struct wire wire = wire_open(TUN, false, lab_mark_l3(lab));

	expect_segments(lab, &wire, &frame);
	wire_close(&wire);
}

static int wire_setup(void **state)
{
	wire_namespace();
	return lab_setup(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nonlinear_at_every_octet),
		cmocka_unit_test(test_nonlinear_without_mark),
		cmocka_unit_test(test_truncated_at_every_octet),
		cmocka_unit_test(test_truncated_without_ethernet),
		cmocka_unit_test(test_interface_without_own_counters),
		cmocka_unit_test(test_super_packet_is_segmented),
		cmocka_unit_test(test_super_packet_without_ethernet),
	};

	return cmocka_run_group_tests(tests, wire_setup, lab_teardown);
}
