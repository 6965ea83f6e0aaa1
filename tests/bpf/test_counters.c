/* SPDX-License-Identifier: Apache-2.0 */
/* Every packet counts once, under the right names, with the bytes it has on the wire. */
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <bpf/bpf.h>

#include "check.h"
#include "expect.h"

#define LOOPBACK 1
#define ATLAS_STAGING 0x1004Cu
#define ROUNDS 1000000

static struct ends usual(void)
{
	return ends_of(SOURCE, TARGET);
}

static void expect_traffic(struct traffic traffic, uint64_t packets, uint64_t bytes)
{
	assert_int_equal(traffic.packets, packets);
	assert_int_equal(traffic.bytes, bytes);
}

/* The packet is the only one that was marked: slot 1, this pair, loopback. */
static void expect_marked_once(const struct lab *lab, uint32_t label, uint64_t packets,
			       uint64_t bytes)
{
	struct interface_traffic interface = lab_interface(lab, LOOPBACK);

	expect_traffic(lab_mark_count(lab, 1), packets, bytes);
	expect_traffic(lab_sent(lab, label_pair(label)), packets, bytes);
	for (int verdict = 0; verdict < VERDICTS; verdict++)
		assert_int_equal(interface.packets[verdict],
				 verdict == VERDICT_MARKED ? packets : 0);
	assert_int_equal(interface.marked_bytes, bytes);
}

static void test_bytes_from_the_ipv6_header_on(void **state)
{
	struct ends ends = usual();

	for (unsigned tags = 0; tags <= 2; tags++) {
		struct frame frame = frame_ethernet();

		for (unsigned i = 0; i < tags; i++)
			frame_tag(&frame, ETH_P_8021Q);
		frame_ipv6(&frame, &ends, IPPROTO_UDP);
		frame_ports(&frame, IPPROTO_UDP, 4000, 5000);
		frame_payload(&frame, 100);
		program_one(*state, mark_host(TARGET, word_scitag(ATLAS_STAGING)));
		lab_run(lab_mark_l2(*state), &frame, NULL);
		expect_marked_once(*state, ATLAS_STAGING, 1, 40 + 8 + 100);
	}
}

static void test_bytes_without_ethernet_header(void **state)
{
	struct ends ends = usual();
	struct frame frame = frame_bare();

	frame_ipv6(&frame, &ends, IPPROTO_UDP);
	frame_ports(&frame, IPPROTO_UDP, 4000, 5000);
	frame_payload(&frame, 100);
	program_one(*state, mark_host(TARGET, word_scitag(ATLAS_STAGING)));
	lab_run(lab_mark_l3(*state), &frame, NULL);
	expect_marked_once(*state, ATLAS_STAGING, 1, 40 + 8 + 100);
}

/* Runs a super-packet whose payload is 900 octets, once with the number of its segments and
 * once without, as they come from a virtual machine. `headers` has each segment on the wire. */
static void expect_segmented(struct lab *lab, struct frame *frame, uint32_t headers)
{
	struct __sk_buff ctx = {.gso_size = 300, .gso_segs = 3};

	frame_payload(frame, 900);
	program_one(lab, mark_host(TARGET, word_raw(0xABCDE)));
	lab_run(lab_mark_l2(lab), frame, &ctx);
	expect_marked_once(lab, 0xABCDE, 3, 900 + 3 * headers);

	ctx = (struct __sk_buff){.gso_size = 400};
	program_one(lab, mark_host(TARGET, word_raw(0xABCDE)));
	lab_run(lab_mark_l2(lab), frame, &ctx);
	expect_marked_once(lab, 0xABCDE, 3, 900 + 3 * headers);
}

static void test_super_packets(void **state)
{
	struct ends ends = usual();
	struct frame tcp = frame_ethernet(), udp = frame_ethernet(), sctp = frame_ethernet();

	frame_ipv6(&tcp, &ends, IPPROTO_TCP);
	frame_ports(&tcp, IPPROTO_TCP, 4000, 5000);
	expect_segmented(*state, &tcp, 40 + 20);
	frame_ipv6(&udp, &ends, IPPROTO_UDP);
	frame_ports(&udp, IPPROTO_UDP, 4000, 5000);
	expect_segmented(*state, &udp, 40 + 8);
	frame_ipv6(&sctp, &ends, IPPROTO_SCTP);
	frame_ports(&sctp, IPPROTO_SCTP, 4000, 5000);
	expect_segmented(*state, &sctp, 40 + 12);
}

static void test_super_packet_with_tcp_options(void **state)
{
	struct ends ends = usual();

	for (size_t options = 4; options <= 40; options += 4) {
		struct frame frame = frame_ethernet();

		frame_tag(&frame, ETH_P_8021Q);
		frame_ipv6(&frame, &ends, IPPROTO_DSTOPTS);
		frame_extension(&frame, IPPROTO_TCP, 16);
		frame_ports(&frame, IPPROTO_TCP, 4000, 5000);
		frame.bytes[frame.length - 20 + 12] = (uint8_t)((20 + options) / 4 << 4);
		frame_payload(&frame, options);
		expect_segmented(*state, &frame, (uint32_t)(40 + 16 + 20 + options));
	}
}

/* BIG TCP: the hop-by-hop header with the jumbo option is not on the wire. */
static void test_super_packet_with_jumbo_header(void **state)
{
	struct __sk_buff ctx = {.gso_size = 300, .gso_segs = 3};
	struct ends ends = usual();
	struct frame frame = frame_ethernet();

	frame_ipv6(&frame, &ends, IPPROTO_HOPOPTS);
	frame_extension(&frame, IPPROTO_TCP, 8);
	frame_ports(&frame, IPPROTO_TCP, 4000, 5000);
	frame_payload(&frame, 900);
	memset(frame.bytes + frame.network + 4, 0, 2); /* payload length */
	program_one(*state, mark_host(TARGET, word_raw(0xABCDE)));
	lab_run(lab_mark_l2(*state), &frame, &ctx);
	expect_marked_once(*state, 0xABCDE, 3, 900 + 3 * (40 + 20));
}

static void test_unmarked_super_packets(void **state)
{
	struct __sk_buff ctx = {.gso_size = 10, .gso_segs = 4};
	struct ends ends = usual();
	struct frame frame = frame_plain(&ends, IPPROTO_TCP);

	program_one(*state, mark_host("2001:db8::1", word_raw(1)));
	lab_run(lab_mark_l2(*state), &frame, &ctx);
	expect_verdict(*state, VERDICT_NO_MATCH, 4);
}

static void test_dscp_counts_under_no_pair(void **state)
{
	struct ends ends = usual();
	struct frame frame = frame_plain(&ends, IPPROTO_UDP);

	frame_set_label(&frame, ATLAS_STAGING);
	program_one(*state, mark_host(TARGET, word_dscp(46)));
	lab_run(lab_mark_l2(*state), &frame, NULL);
	expect_traffic(lab_mark_count(*state, 1), 1, 80);
	for (uint32_t pair = 0; pair < PAIRS; pair++)
		expect_traffic(lab_sent(*state, pair), 0, 0);
}

static void expect_failure(struct lab *lab, struct lab_mark mark, enum stage missing)
{
	struct ends ends = usual();
	struct frame frame = frame_plain(&ends, IPPROTO_TCP);

	program_one(lab, mark);
	lab_unplug(lab, missing);
	expect_untouched(lab_mark_l2(lab), &frame);
	lab_plug(lab, missing);
	expect_verdict(lab, VERDICT_WRITE_FAILED, 1);
	expect_verdict(lab, VERDICT_MARKED, 0);
	expect_traffic(lab_mark_count(lab, 1), 0, 0);
	expect_traffic(lab_sent(lab, label_pair(0xABCDE)), 0, 0);
	assert_int_equal(lab_interface(lab, LOOPBACK).marked_bytes, 0);
}

static void test_failed_write_counts_for_no_mark(void **state)
{
	expect_failure(*state, mark_host(TARGET, word_raw(0xABCDE)), STAGE_WRITE);
	expect_failure(*state, mark_network("2001:db8:2:3::", 64, word_raw(0xABCDE)),
		       STAGE_WRITE);
	expect_failure(*state, mark_network("2001:db8:2:3::", 64, word_raw(0xABCDE)),
		       STAGE_NETWORK);
}

static void test_verdicts_add_up(void **state)
{
	struct ends ends = usual();
	struct frame marked = frame_plain(&ends, IPPROTO_TCP), cut = marked, other = marked;
	struct frame elsewhere = marked;
	struct interface_traffic count;

	cut.length = ETH_HLEN + 40 + 3;
	other.bytes[13] = 0;
	elsewhere.bytes[elsewhere.network + 39] ^= 1;
	program_one(*state, mark_host(TARGET, word_raw(1)));
	for (int i = 0; i < 5; i++) {
		lab_run(lab_mark_l2(*state), &marked, NULL);
		if (i < 4)
			lab_run(lab_mark_l2(*state), &cut, NULL);
		if (i < 3)
			lab_run(lab_mark_l2(*state), &other, NULL);
		if (i < 2)
			lab_run(lab_mark_l2(*state), &elsewhere, NULL);
	}
	count = lab_interface(*state, LOOPBACK);
	assert_int_equal(count.packets[VERDICT_MARKED], 5);
	assert_int_equal(count.packets[VERDICT_TRUNCATED], 4);
	assert_int_equal(count.packets[VERDICT_NOT_IPV6], 3);
	assert_int_equal(count.packets[VERDICT_NO_MATCH], 2);
	assert_int_equal(count.marked_bytes, 5 * (marked.length - marked.network));
}

/* Without any mark the program does not even look. */
static void test_no_marks_no_counts(void **state)
{
	struct interface_traffic none = {0}, count;
	struct ends ends = usual();
	struct frame frame = frame_plain(&ends, IPPROTO_TCP);

	lab_program(*state, NULL, 0);
	expect_untouched(lab_mark_l2(*state), &frame);
	count = lab_interface(*state, LOOPBACK);
	assert_memory_equal(&count, &none, sizeof(none));
}

static void run_on(int cpu, int program, const struct frame *frame)
{
	cpu_set_t before, one;

	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	lab_run(program, frame, NULL);
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

static bool is_usable(int cpu)
{
	cpu_set_t usable;

	return sched_getaffinity(0, sizeof(usable), &usable) == 0 && CPU_ISSET(cpu, &usable);
}

/* Shared marks count beside each other, those of one flow in one place. */
static void test_stripes(void **state)
{
	struct lab *lab = *state;
	struct ends ends = usual();
	struct frame frame = frame_plain(&ends, IPPROTO_TCP);

	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		uint32_t stripe = (uint32_t)cpu % COUNTER_STRIPES;

		if (!is_usable(cpu))
			continue;
		program_one(lab, mark_host(TARGET, word_raw(1)));
		run_on(cpu, lab_mark_l2(lab), &frame);
		assert_int_equal(lab->marks[stripe * LAB_SLOTS + 1].traffic.packets, 1);
		program_one(lab, mark_network("2001:db8:2:3::", 64, word_raw(1)));
		run_on(cpu, lab_mark_l2(lab), &frame);
		assert_int_equal(lab->marks[stripe * LAB_SLOTS + 1].traffic.packets, 1);
		program_one(lab, mark_endpoint(TARGET, IPPROTO_TCP, 5000, word_raw(1)));
		run_on(cpu, lab_mark_l2(lab), &frame);
		assert_int_equal(lab->marks[1].traffic.packets, 1);
	}
}

struct hammer {
	int program;
	struct frame frame;
	int error;
};

static void *hammer_run(void *argument)
{
	struct hammer *hammer = argument;
	LIBBPF_OPTS(bpf_test_run_opts, options, .repeat = ROUNDS,
		    .data_in = hammer->frame.bytes,
		    .data_size_in = (uint32_t)hammer->frame.length);

	hammer->error = bpf_prog_test_run_opts(hammer->program, &options);
	return NULL;
}

/* Several CPUs on one FLOW mark, whose counter is not striped: nothing is lost. */
static void test_counters_are_exact_under_contention(void **state)
{
	struct ends ends = usual();
	struct hammer hammers[4];
	pthread_t threads[4];
	uint64_t packets = 4ull * ROUNDS;

	program_one(*state, mark_flow(TARGET, IPPROTO_TCP, 4000, 5000, word_raw(0xABCDE)));
	for (int i = 0; i < 4; i++) {
		hammers[i] = (struct hammer){.program = lab_mark_l2(*state),
					     .frame = frame_plain(&ends, IPPROTO_TCP)};
		assert_int_equal(pthread_create(&threads[i], NULL, hammer_run, &hammers[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(hammers[i].error, 0);
	}
	expect_marked_once(*state, 0xABCDE, packets,
			   packets * (hammers[0].frame.length - hammers[0].frame.network));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes_from_the_ipv6_header_on),
		cmocka_unit_test(test_bytes_without_ethernet_header),
		cmocka_unit_test(test_super_packets),
		cmocka_unit_test(test_super_packet_with_tcp_options),
		cmocka_unit_test(test_super_packet_with_jumbo_header),
		cmocka_unit_test(test_unmarked_super_packets),
		cmocka_unit_test(test_dscp_counts_under_no_pair),
		cmocka_unit_test(test_failed_write_counts_for_no_mark),
		cmocka_unit_test(test_verdicts_add_up),
		cmocka_unit_test(test_no_marks_no_counts),
		cmocka_unit_test(test_stripes),
		cmocka_unit_test(test_counters_are_exact_under_contention),
	};

	return cmocka_run_group_tests(tests, lab_setup, lab_teardown);
}
