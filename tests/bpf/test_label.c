/* SPDX-License-Identifier: Apache-2.0 */
/* What a mark writes, and every bit that it must leave alone. */
#include <netinet/in.h>
#include <stdio.h>

#include "check.h"
#include "expect.h"

#define CMS_ANALYSIS_INPUT 0x30038u
#define ATLAS_STAGING 0x1004Cu

static void test_every_traffic_class_stays(void **state)
{
	struct ends ends = ends_of(SOURCE, TARGET);
	struct frame frame = frame_plain(&ends, IPPROTO_TCP);

	program_one(*state, mark_host(TARGET, word_raw(0xABCDE)));
	for (unsigned traffic_class = 0; traffic_class < 256; traffic_class++) {
		frame_set_class(&frame, (uint8_t)traffic_class);
		frame_set_label(&frame, 0x12345);
		expect_label(lab_mark_l2(*state), &frame, 0xABCDE);
	}
}

static void test_raw_label_replaces_all_bits(void **state)
{
	static const uint32_t labels[] = {0, 1, 0x80000, 0x55555, 0xAAAAA, 0xFFFFF};
	struct ends ends = ends_of(SOURCE, TARGET);
	struct frame frame = frame_plain(&ends, IPPROTO_UDP);

	for (size_t new = 0; new < 6; new ++) {
		program_one(*state, mark_host(TARGET, word_raw(labels[new])));
		for (size_t old = 0; old < 6; old++) {
			frame_set_label(&frame, labels[old]);
			expect_label(lab_mark_l2(*state), &frame, labels[new]);
		}
	}
}

static void test_scitag_keeps_entropy(void **state)
{
	struct ends ends = ends_of(SOURCE, TARGET);
	struct frame frame = frame_plain(&ends, IPPROTO_TCP);

	program_one(*state, mark_host(TARGET, word_scitag(CMS_ANALYSIS_INPUT)));
	for (uint32_t label = 1; label < 1u << 20; label += 257) {
		frame_set_label(&frame, label);
		expect_label(lab_mark_l2(*state), &frame,
			     (label & LABEL_ENTROPY_MASK) | CMS_ANALYSIS_INPUT);
	}
	frame_set_label(&frame, 0xFFFFF);
	expect_label(lab_mark_l2(*state), &frame, LABEL_ENTROPY_MASK | CMS_ANALYSIS_INPUT);
}

/* The label that a flow without one gets; twice, for it must not change. */
static uint32_t filled_label(struct lab *lab, uint16_t source_port)
{
	struct ends ends = ends_of(SOURCE, TARGET);
	struct frame frame = frame_ethernet();
	struct outcome outcome;

	frame_ipv6(&frame, &ends, IPPROTO_TCP);
	frame_ports(&frame, IPPROTO_TCP, source_port, 5000);
	frame_payload(&frame, 10);
	outcome = lab_run(lab_mark_l2(lab), &frame, NULL);
	expect_label(lab_mark_l2(lab), &frame, frame_label(&outcome.frame));
	return frame_label(&outcome.frame);
}

static void test_scitag_fills_entropy_of_label_0(void **state)
{
	bool seen[32] = {false};
	int different = 0;

	program_one(*state, mark_host(TARGET, word_scitag(ATLAS_STAGING)));
	for (uint16_t port = 1000; port < 1256; port++) {
		uint32_t label = filled_label(*state, port);
		uint32_t entropy = (label & 3) | (label >> 8 & 1) << 2 | label >> 18 << 3;

		assert_int_equal(label & LABEL_STRUCTURAL_MASK, ATLAS_STAGING);
		different += !seen[entropy];
		seen[entropy] = true;
	}
	/* 256 flows on 32 values: that one stays empty has a chance of 1 %, that five do 1e-10.
	 */
	assert_in_range(different, 28, 32);
}

static void test_dscp_alone(void **state)
{
	struct ends ends = ends_of(SOURCE, TARGET);
	struct frame before = frame_plain(&ends, IPPROTO_UDP), after;

	frame_set_label(&before, 0x13579);
	for (uint32_t dscp = 0; dscp < 64; dscp++) {
		program_one(*state, mark_host(TARGET, word_dscp(dscp)));
		for (uint8_t ecn = 0; ecn < 4; ecn++) {
			frame_set_class(&before, (uint8_t)(0x28 << 2 | ecn));
			after = before;
			frame_set_class(&after, (uint8_t)(dscp << 2 | ecn));
			expect_becomes(lab_mark_l2(*state), &before, &after);
		}
	}
}

static void test_dscp_with_label(void **state)
{
	struct ends ends = ends_of(SOURCE, TARGET);
	struct frame before = frame_plain(&ends, IPPROTO_TCP), after;

	frame_set_class(&before, 0x03);
	frame_set_label(&before, 0xC0001);
	after = before;
	frame_set_class(&after, 46 << 2 | 3);

	frame_set_label(&after, 0x0FF0F);
	program_one(*state, mark_host(TARGET, word_dscp(46) | word_raw(0x0FF0F)));
	expect_becomes(lab_mark_l2(*state), &before, &after);

	frame_set_label(&after, CMS_ANALYSIS_INPUT | 0xC0001);
	program_one(*state, mark_host(TARGET, word_dscp(46) | word_scitag(CMS_ANALYSIS_INPUT)));
	expect_becomes(lab_mark_l2(*state), &before, &after);
}

/* Experiment, activity and label of a line of scitags-labels.csv; names hold no commas. */
static bool vector_read(const char *line, uint32_t *experiment, uint32_t *activity,
			uint32_t *label)
{
	return sscanf(line, "%u,%*[^,],%u,%*[^,],%*u,%u,", experiment, activity, label) == 3;
}

static void vector_check(struct lab *lab, uint32_t experiment, uint32_t activity,
			 uint32_t label)
{
	struct ends ends = ends_of(SOURCE, TARGET);
	struct frame frame = frame_plain(&ends, IPPROTO_TCP);
	uint32_t pair = label_pair(label);
	uint32_t reversed = 0;

	for (int bit = 0; bit < 9; bit++)
		reversed |= (experiment >> bit & 1) << (8 - bit);
	assert_int_equal(pair, reversed << 6 | activity);

	frame_set_label(&frame, 0x9A5A6);
	program_one(lab, mark_host(TARGET, word_scitag(label)));
	expect_label(lab_mark_l2(lab), &frame, label | (0x9A5A6 & LABEL_ENTROPY_MASK));
	assert_int_equal(lab_sent(lab, pair).packets, 1);
	assert_int_equal(lab_sent(lab, pair).bytes, frame.length - frame.network);
}

static void test_published_vectors(void **state)
{
	FILE *file = fopen(TEST_DATA "/scitags-labels.csv", "r");
	uint32_t experiment, activity, label;
	char line[256];
	int vectors = 0;

	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file)); /* the names of the columns */
	while (fgets(line, sizeof(line), file)) {
		assert_true(vector_read(line, &experiment, &activity, &label));
		vector_check(*state, experiment, activity, label);
		vectors++;
	}
	fclose(file);
	assert_int_equal(vectors, 114);
}

static void test_empty_word_marks_nothing(void **state)
{
	struct ends ends = ends_of(SOURCE, TARGET);
	struct frame frame = frame_plain(&ends, IPPROTO_TCP);

	program_one(*state, mark_host(TARGET, 0));
	frame_set_label(&frame, 0x12345);
	expect_untouched(lab_mark_l2(*state), &frame);
	expect_verdict(*state, VERDICT_NO_MATCH, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_traffic_class_stays),
		cmocka_unit_test(test_raw_label_replaces_all_bits),
		cmocka_unit_test(test_scitag_keeps_entropy),
		cmocka_unit_test(test_scitag_fills_entropy_of_label_0),
		cmocka_unit_test(test_dscp_alone),
		cmocka_unit_test(test_dscp_with_label),
		cmocka_unit_test(test_published_vectors),
		cmocka_unit_test(test_empty_word_marks_nothing),
	};

	return cmocka_run_group_tests(tests, lab_setup, lab_teardown);
}
