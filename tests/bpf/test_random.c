/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random packets and marks against an oracle. WAYMARK_SEED=N repeats a run, WAYMARK_PACKETS=N
 * changes its length.
 */
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "check.h"
#include "expect.h"
#include "oracle.h"
#include "sample.h"

#define PACKETS 1200000
#define ROUND 4000 /* packets for one set of marks */
#define MARKS_MAX 60
#define LEASES 6 /* 0: never, 1, 2: in force, the others expired */
#define LOOPBACK 1

struct run {
	struct lab *lab;
	struct sample sample;
	struct lab_mark marks[MARKS_MAX];
	struct oracle oracle;
	bool lease_expired[LEASES];
	/* What the counters must say at the end of the round. */
	struct traffic mark_traffic[MARKS_MAX];
	struct traffic sent[PAIRS];
	struct interface_traffic interface;
	uint64_t verdicts[VERDICTS], refused; /* of the whole run */
};

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
	const char *text = getenv(variable);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static void round_start(struct run *run)
{
	uint64_t boottime, now = lab_jiffies(run->lab, &boottime);

	run->oracle.n = sample_marks(&run->sample, run->marks, MARKS_MAX, LEASES);
	lab_program(run->lab, run->marks, run->oracle.n);
	for (uint32_t lease = 1; lease < LEASES; lease++)
		run->lab->leases[lease] = run->lease_expired[lease] ? now : now + 100000000;
	memset(run->mark_traffic, 0, sizeof(run->mark_traffic));
	memset(run->sent, 0, sizeof(run->sent));
	memset(&run->interface, 0, sizeof(run->interface));
}

static void count(struct traffic *traffic, const struct expectation *expected)
{
	traffic->packets += expected->packets;
	traffic->bytes += expected->bytes;
}

static void account(struct run *run, const struct expectation *expected)
{
	run->verdicts[expected->verdict]++;
	if (!run->oracle.n)
		return; /* without any mark nothing counts */
	run->interface.packets[expected->verdict] += expected->packets;
	if (expected->verdict != VERDICT_MARKED)
		return;
	run->interface.marked_bytes += expected->bytes;
	count(&run->mark_traffic[expected->mark], expected);
	if (run->marks[expected->mark].word & (WORD_HAS_RAW | WORD_HAS_SCITAG))
		count(&run->sent[label_pair(expected->value)], expected);
}

static uint32_t first_word(const struct frame *frame, size_t network)
{
	const uint8_t *bytes = frame->bytes + network;

	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

/* Same length, only the bits of the mark differ, and they as it says. */
static bool is_as_expected(const struct frame *before, const struct frame *after,
			   const struct expectation *expected)
{
	size_t word = expected->network, rest = word + 4;
	uint32_t should = first_word(before, word);

	if (after->length != before->length)
		return false;
	if (expected->verdict != VERDICT_MARKED)
		return memcmp(before->bytes, after->bytes, before->length) == 0;
	should = (should & ~expected->mask) | (expected->value & expected->mask);
	return memcmp(before->bytes, after->bytes, word) == 0 &&
	       ((first_word(after, word) ^ should) & ~expected->free) == 0 &&
	       memcmp(before->bytes + rest, after->bytes + rest, before->length - rest) == 0;
}

static void frame_print(const char *name, const struct frame *frame)
{
	fprintf(stderr, "%s (%zu):", name, frame->length);
	for (size_t i = 0; i < frame->length; i++)
		fprintf(stderr, " %02x", frame->bytes[i]);
	fprintf(stderr, "\n");
}

/* A super-packet now and then; one that cannot be read has a number of segments, or how many
 * it stands for would be anybody's guess. */
static struct __sk_buff random_context(struct run *run, const struct frame *frame)
{
	struct __sk_buff ctx = {0};

	if (sample_below(&run->sample, 5) != 0)
		return ctx;
	ctx.gso_size = 1 + sample_below(&run->sample, 100);
	ctx.gso_segs = sample_below(&run->sample, 5);
	if (oracle_ask(&run->oracle, frame, 0, 0).bytes == 0 && !ctx.gso_segs)
		ctx.gso_segs = 1;
	return ctx;
}

/* False: the kernel would not run it; TEST_RUN refuses IPv4 and IPv6 that is too short. */
static bool packet_check(struct run *run)
{
	struct frame frame = sample_frame(&run->sample);
	struct __sk_buff ctx = random_context(run, &frame);
	int program = frame.ethernet ? lab_mark_l2(run->lab) : lab_mark_l3(run->lab);
	struct expectation expected =
		oracle_ask(&run->oracle, &frame, ctx.gso_size, ctx.gso_segs);
	struct outcome outcome = lab_try(program, &frame, &ctx);

	if (outcome.error) {
		assert_true(frame.length < ETH_HLEN + sizeof(struct ipv6hdr));
		return false;
	}
	account(run, &expected);
	assert_int_equal(outcome.verdict, TC_ACT_UNSPEC);
	if (is_as_expected(&frame, &outcome.frame, &expected))
		return true;
	frame_print("before", &frame);
	frame_print("after ", &outcome.frame);
	fail_msg("expected verdict %d, mark %zu, word at %zu: %08x of %08x", expected.verdict,
		 expected.mark, expected.network, expected.value, expected.mask);
	return false;
}

static void counters_check(const struct run *run)
{
	struct interface_traffic interface = lab_interface(run->lab, LOOPBACK);

	assert_memory_equal(&interface, &run->interface, sizeof(interface));
	for (uint32_t i = 0; i < run->oracle.n; i++) {
		struct traffic traffic = lab_mark_count(run->lab, i + 1);

		assert_memory_equal(&traffic, &run->mark_traffic[i], sizeof(traffic));
	}
	for (uint32_t pair = 0; pair < PAIRS; pair++) {
		struct traffic traffic = lab_sent(run->lab, pair);

		assert_memory_equal(&traffic, &run->sent[pair], sizeof(traffic));
	}
}

/* A run that never met one of the cases has shown nothing about it. */
static void variety_check(const struct run *run, uint64_t packets)
{
	static const enum verdict verdicts[] = {VERDICT_MARKED, VERDICT_NOT_IPV6,
						VERDICT_TRUNCATED, VERDICT_NO_MATCH,
						VERDICT_EXPIRED};

	print_message("%" PRIu64 " packets: %" PRIu64 " marked, %" PRIu64 " not IPv6, %" PRIu64
		      " truncated, %" PRIu64 " without a mark, %" PRIu64 " expired; %" PRIu64
		      " more refused by the kernel\n",
		      packets, run->verdicts[VERDICT_MARKED], run->verdicts[VERDICT_NOT_IPV6],
		      run->verdicts[VERDICT_TRUNCATED], run->verdicts[VERDICT_NO_MATCH],
		      run->verdicts[VERDICT_EXPIRED], run->refused);
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
		assert_true(run->verdicts[verdicts[i]] > packets / 200);
	assert_true(run->refused < packets / 10);
}

static void test_against_the_oracle(void **state)
{
	uint64_t packets = number_from("WAYMARK_PACKETS", PACKETS), seed;
	struct run *run = calloc(1, sizeof(*run));

	assert_non_null(run);
	assert_int_equal(getrandom(&seed, sizeof(seed), 0), sizeof(seed));
	seed = number_from("WAYMARK_SEED", seed);
	print_message("WAYMARK_SEED=%" PRIu64 "\n", seed);

	run->lab = *state;
	run->sample = sample_start(seed);
	run->oracle = (struct oracle){.marks = run->marks, .lease_expired = run->lease_expired};
	for (uint32_t lease = 3; lease < LEASES; lease++)
		run->lease_expired[lease] = true;
	for (uint64_t done = 0; done < packets;) {
		round_start(run);
		for (int i = 0; i < ROUND && done < packets;) {
			bool ran = packet_check(run);

			run->refused += !ran;
			done += ran;
			i += ran;
		}
		counters_check(run);
	}
	if (packets >= PACKETS)
		variety_check(run, packets);
	free(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_the_oracle)};

	return cmocka_run_group_tests(tests, lab_setup, lab_teardown);
}
