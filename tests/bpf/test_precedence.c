/* SPDX-License-Identifier: Apache-2.0 */
/* Which of several marks applies, and when none does any more. */
#include <netinet/in.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "expect.h"

enum { FLOW, ENDPOINT, HOST, NEAR, MIDDLE, FAR, DEFAULT, MARKS };

#define LEASE_PAST 1
#define LEASE_FUTURE 2
#define LABEL(mark) (0x1000u + (mark))

/* One mark of every kind and length for the same packet, from most to least specific. */
static void all_marks(struct lab_mark marks[MARKS])
{
	marks[FLOW] = mark_flow(TARGET, IPPROTO_TCP, 4000, 5000, word_raw(LABEL(FLOW)));
	marks[ENDPOINT] = mark_endpoint(TARGET, IPPROTO_TCP, 5000, word_raw(LABEL(ENDPOINT)));
	marks[HOST] = mark_host(TARGET, word_raw(LABEL(HOST)));
	marks[NEAR] = mark_network("2001:db8:2:3::4", 127, word_raw(LABEL(NEAR)));
	marks[MIDDLE] = mark_network("2001:db8:2:3::", 64, word_raw(LABEL(MIDDLE)));
	marks[FAR] = mark_network("2001:db8::", 32, word_raw(LABEL(FAR)));
	marks[DEFAULT] = mark_network("::", 0, word_raw(LABEL(DEFAULT)));
}

static struct frame packet(void)
{
	struct ends ends = ends_of(SOURCE, TARGET);

	return frame_plain(&ends, IPPROTO_TCP);
}

static void leases_set(struct lab *lab)
{
	uint64_t boottime, now = lab_jiffies(lab, &boottime);

	lab->leases[LEASE_PAST] = now;
	lab->leases[LEASE_FUTURE] = now + 1000000;
}

static void test_most_specific_first(void **state)
{
	struct lab_mark marks[MARKS];
	struct frame frame = packet();

	all_marks(marks);
	for (uint32_t gone = 0; gone < MARKS; gone++) {
		lab_program(*state, marks + gone, MARKS - gone);
		expect_label(lab_mark_l2(*state), &frame, LABEL(gone));
		assert_int_equal(lab_mark_count(*state, 1).packets, 1);
	}
}

/* A mark that differs from the packet in one field is not its mark. */
static void test_near_misses(void **state)
{
	struct lab_mark misses[] = {
		mark_flow(TARGET, IPPROTO_UDP, 4000, 5000, word_raw(1)),
		mark_flow(TARGET, IPPROTO_TCP, 4001, 5000, word_raw(1)),
		mark_flow(TARGET, IPPROTO_TCP, 4000, 5001, word_raw(1)),
		mark_flow(TARGET, IPPROTO_TCP, 5000, 4000, word_raw(1)),
		mark_flow("2001:db8:2:3::5", IPPROTO_TCP, 4000, 5000, word_raw(1)),
		mark_flow(TARGET, IPPROTO_TCP, 4000, 5000, word_raw(1)),
		mark_endpoint(TARGET, IPPROTO_UDP, 5000, word_raw(1)),
		mark_endpoint(TARGET, IPPROTO_TCP, 4000, word_raw(1)),
		mark_endpoint("2001:db8:2:3::5", IPPROTO_TCP, 5000, word_raw(1)),
		mark_host("2001:db8:2:3::5", word_raw(1)),
		mark_host(SOURCE, word_raw(1)),
		mark_network("2001:db8:2:4::", 64, word_raw(1)),
		mark_network("2001:db8:2:3::6", 127, word_raw(1)),
	};
	size_t n = sizeof(misses) / sizeof(misses[0]);
	struct frame frame = packet();

	misses[5].source[15] ^= 1;
	lab_program(*state, misses, n);
	expect_untouched(lab_mark_l2(*state), &frame);
	for (size_t i = 0; i < n; i++) {
		program_one(*state, misses[i]);
		expect_untouched(lab_mark_l2(*state), &frame);
		expect_verdict(*state, VERDICT_NO_MATCH, 1);
	}
}

static void test_every_prefix_length(void **state)
{
	struct ends ends = ends_of(SOURCE, TARGET);
	struct frame frame = packet();

	for (unsigned length = 0; length < 128; length++) {
		struct lab_mark mark = mark_network("::", (uint8_t)length, word_raw(length));

		for (unsigned bit = 0; bit < length; bit++)
			mark.destination[bit / 8] |=
				ends.destination[bit / 8] & 0x80 >> bit % 8;
		program_one(*state, mark);
		expect_label(lab_mark_l2(*state), &frame, length);
		if (!length)
			continue;
		mark.destination[(length - 1) / 8] ^= 0x80 >> (length - 1) % 8;
		program_one(*state, mark);
		expect_untouched(lab_mark_l2(*state), &frame);
	}
}

static void test_default_takes_every_address(void **state)
{
	static const char *const addresses[] = {"::", "::1", "ff02::1", "fe80::1",
						"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};

	program_one(*state, mark_network("::", 0, word_raw(0x777)));
	for (size_t i = 0; i < 5; i++) {
		struct ends ends = ends_of(SOURCE, addresses[i]);
		struct frame frame = frame_plain(&ends, IPPROTO_UDP);

		expect_label(lab_mark_l2(*state), &frame, 0x777);
	}
}

/* Expired marks hide nothing: the first in force applies, whatever lies before it. */
static void test_expired_uncover_the_next(void **state)
{
	struct lab_mark marks[MARKS];
	struct frame frame = packet();

	all_marks(marks);
	leases_set(*state);
	for (uint32_t expired = 0; expired < MARKS; expired++) {
		lab_program(*state, marks, MARKS);
		expect_label(lab_mark_l2(*state), &frame, LABEL(expired));
		expect_verdict(*state, VERDICT_MARKED, 1);
		marks[expired].word |= word_lease(LEASE_PAST);
	}
	lab_program(*state, marks, MARKS);
	expect_untouched(lab_mark_l2(*state), &frame);
	expect_verdict(*state, VERDICT_EXPIRED, 1);
}

/* As deep as prefixes can be nested: 128 expired ones, one in force below. */
static void test_expired_prefixes_all_the_way_down(void **state)
{
	struct lab_mark marks[128];
	struct frame frame = packet();

	leases_set(*state);
	for (unsigned length = 0; length < 128; length++) {
		marks[length] = mark_network("2001:db8:2:3::4", (uint8_t)length,
					     word_raw(length) | word_lease(LEASE_PAST));
		for (unsigned bit = length; bit < 128; bit++)
			marks[length].destination[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	}
	lab_program(*state, marks, 128);
	expect_untouched(lab_mark_l2(*state), &frame);
	expect_verdict(*state, VERDICT_EXPIRED, 1);
	marks[0].word = word_raw(0x4321);
	lab_program(*state, marks, 128);
	expect_label(lab_mark_l2(*state), &frame, 0x4321);
}

static void test_lease_deadlines(void **state)
{
	struct lab *lab = *state;
	struct frame frame = packet();

	leases_set(lab);
	program_one(lab, mark_host(TARGET, word_raw(7) | word_lease(LEASE_FUTURE)));
	expect_label(lab_mark_l2(lab), &frame, 7);
	lab->leases[LEASE_FUTURE] = 0; /* revoked: one store */
	expect_untouched(lab_mark_l2(lab), &frame);
	lab->leases[LEASE_FUTURE] = LEASE_NEVER; /* renewed: one store */
	expect_label(lab_mark_l2(lab), &frame, 7);
	lab_set_word(lab, 1, word_raw(8) | word_lease(LAB_LEASES)); /* no such lease */
	expect_untouched(lab_mark_l2(lab), &frame);
	expect_verdict(lab, VERDICT_MARKED, 2);
	expect_verdict(lab, VERDICT_EXPIRED, 2);
}

/* A packet meets a freed slot while its key is on its way out of the table. */
static void test_freed_slots_uncover_the_next(void **state)
{
	struct lab_mark marks[MARKS];
	struct frame frame = packet();

	all_marks(marks);
	lab_program(*state, marks, MARKS);
	for (uint32_t freed = 0; freed < MARKS; freed++) {
		expect_label(lab_mark_l2(*state), &frame, LABEL(freed));
		lab_set_word(*state, freed + 1, 0);
	}
	expect_untouched(lab_mark_l2(*state), &frame);
	expect_verdict(*state, VERDICT_NO_MATCH, 1);
}

static void test_freed_slot_behind_an_expired_mark(void **state)
{
	struct lab_mark marks[MARKS];
	struct frame frame = packet();

	all_marks(marks);
	leases_set(*state);
	marks[FLOW].word |= word_lease(LEASE_PAST);
	lab_program(*state, marks, HOST + 1);
	lab_set_word(*state, FLOW + 2, 0);
	lab_set_word(*state, FLOW + 3, 0);
	expect_untouched(lab_mark_l2(*state), &frame);
	expect_verdict(*state, VERDICT_EXPIRED, 1);
}

/* The filter has the last word: with its bit clear the tables are not asked. */
static void test_clear_filter_bit_means_no_mark(void **state)
{
	struct lab_mark marks[MARKS];
	struct frame frame = packet();
	struct lab *lab = *state;

	all_marks(marks);
	for (size_t i = 0; i < MARKS; i++) {
		program_one(lab, marks[i]);
		memset(lab->filter, (uint8_t) ~(marks[i].kind * 0x11u),
		       sizeof(uint64_t) * LAB_FILTER_WORDS);
		expect_untouched(lab_mark_l2(lab), &frame);
		expect_verdict(lab, VERDICT_NO_MATCH, 1);
		memset(lab->filter, 0xFF,
		       sizeof(uint64_t) * LAB_FILTER_WORDS); /* stale bits do no harm */
		expect_label(lab_mark_l2(lab), &frame, LABEL(i));
	}
}

static void test_kinds_word_switches_kinds(void **state)
{
	struct lab_mark marks[MARKS];
	struct frame frame = packet();
	struct lab *lab = *state;

	all_marks(marks);
	lab_program(lab, marks, MARKS);
	lab->common->kinds = FILTER_HOST | FILTER_NETWORK;
	expect_label(lab_mark_l2(lab), &frame, LABEL(HOST));
	lab->common->kinds = FILTER_NETWORK;
	expect_label(lab_mark_l2(lab), &frame, LABEL(NEAR));
	lab->common->kinds = 0;
	expect_untouched(lab_mark_l2(lab), &frame);
}

static uint64_t boottime_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void test_clock(void **state)
{
	uint64_t before = boottime_now(), first_time, second_time;
	uint64_t first = lab_jiffies(*state, &first_time), second = first;

	assert_in_range(first_time, before, boottime_now());
	do {
		second = lab_jiffies(*state, &second_time);
	} while (second == first && second_time < first_time + 1000000000u);
	assert_true(second > first);
	assert_true(second_time > first_time);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_most_specific_first),
		cmocka_unit_test(test_near_misses),
		cmocka_unit_test(test_every_prefix_length),
		cmocka_unit_test(test_default_takes_every_address),
		cmocka_unit_test(test_expired_uncover_the_next),
		cmocka_unit_test(test_expired_prefixes_all_the_way_down),
		cmocka_unit_test(test_lease_deadlines),
		cmocka_unit_test(test_freed_slots_uncover_the_next),
		cmocka_unit_test(test_freed_slot_behind_an_expired_mark),
		cmocka_unit_test(test_clear_filter_bit_means_no_mark),
		cmocka_unit_test(test_kinds_word_switches_kinds),
		cmocka_unit_test(test_clock),
	};

	return cmocka_run_group_tests(tests, lab_setup, lab_teardown);
}
