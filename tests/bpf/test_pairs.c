/* SPDX-License-Identifier: Apache-2.0 */
/* What was sent and what arrived, by experiment and activity. */
#include "check.h"

#include <netinet/in.h>

#include "core/scitag.h"
#include "datapath/state.h"
#include "expect.h"
#include "marks.h"

static struct datapath *datapath;

static int open_datapath(void **state)
{
	(void)state;
	datapath = marks_open(8, 8);
	return 0;
}

static int close_datapath(void **state)
{
	(void)state;
	datapath_close(datapath);
	return 0;
}

static void arrive(uint32_t label)
{
	struct ends ends = ends_of(SOURCE, TARGET);
	struct frame frame = frame_plain(&ends, IPPROTO_UDP);

	frame_set_label(&frame, label);
	expect_untouched(datapath_observer(datapath, true), &frame);
}

static void expect_count(struct traffic_count count, uint64_t packets)
{
	assert_int_equal(count.packets, packets);
	assert_int_equal(count.bytes, packets * MARKS_FRAME_BYTES);
}

static void what_is_sent_counts_for_its_pair(void **state)
{
	struct match match = marks_match(MARK_HOST, 1);
	struct datapath_change change = marks_insert(&match, 0);

	(void)state;
	change.action = (struct mark_action){
		.label = MARK_LABEL_SCITAG, .experiment = 3, .activity = 4};
	assert_int_equal(datapath_apply(datapath, &change, 1), 0);
	for (int i = 0; i < 3; i++)
		marks_label(datapath_program(datapath, true), 1);
	change.verb = DATAPATH_REWRITE;
	change.action.experiment = 256;
	assert_int_equal(datapath_apply(datapath, &change, 1), 0);
	marks_label(datapath_program(datapath, true), 1);
	expect_count(datapath_pair(datapath, 3, 4).sent, 3);
	expect_count(datapath_pair(datapath, 256, 4).sent, 1);
	expect_count(datapath_pair(datapath, 384, 4).sent, 0); /* 3, its bits turned round */
	expect_count(datapath_pair(datapath, 3, 4).observed, 0);
}

static void what_arrives_counts_if_it_is_known(void **state)
{
	(void)state;
	datapath_know_pair(datapath, 3, 4);
	datapath_know_pair(datapath, 3, 5); /* in the same word */
	arrive(scitag_encode(3, 4));
	expect_count(datapath_pair(datapath, 3, 4).observed, 0); /* nobody looks yet */
	datapath_observe(datapath, true);
	arrive(scitag_encode(3, 4));
	arrive(scitag_encode(3, 4) | LABEL_ENTROPY_MASK);
	arrive(scitag_encode(3, 5));
	arrive(scitag_encode(2, 4));
	arrive(0);
	datapath_observe(datapath, false);
	arrive(scitag_encode(3, 4));
	expect_count(datapath_pair(datapath, 3, 4).observed, 2);
	expect_count(datapath_pair(datapath, 3, 5).observed, 1);
	expect_count(datapath_pair(datapath, 2, 4).observed, 0);
	expect_count(datapath_observed_other(datapath), 2);
	expect_count(datapath_pair(datapath, 3, 4).sent, 0);
	assert_int_not_equal(datapath_observer(datapath, true),
			     datapath_observer(datapath, false));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_datapath, close_datapath)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_sent_counts_for_its_pair),
		TEST(what_arrives_counts_if_it_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
