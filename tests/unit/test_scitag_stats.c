/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/scitag_stats on counters that the test fills: it stands in for the datapath.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "datapath/datapath.h"
#include "service/scitag_stats.h"

static struct registry *registry;
static struct pair_count pairs[SCITAG_EXPERIMENT_MAX + 1][SCITAG_ACTIVITY_MAX + 1];
static struct traffic_count other;

struct pair_count datapath_pair(const struct datapath *datapath, uint16_t experiment,
				uint8_t activity)
{
	(void)datapath;
	assert_in_range(experiment, 0, SCITAG_EXPERIMENT_MAX);
	assert_in_range(activity, 0, SCITAG_ACTIVITY_MAX);
	return pairs[experiment][activity];
}

struct traffic_count datapath_observed_other(const struct datapath *datapath)
{
	(void)datapath;
	return other;
}

static int clear_counters(void **state)
{
	(void)state;
	memset(pairs, 0, sizeof(pairs));
	other = (struct traffic_count){0, 0};
	return 0;
}

static void test_no_traffic(void **state)
{
	struct scitag_stats stats = {.n = 0};

	(void)state;
	assert_int_equal(scitag_stats_read(&stats, NULL, registry), 0);
	assert_int_equal(stats.n, 0);
	scitag_stats_done(&stats);
}

static void expect_row(const Waymark__V1__ScitagStats *row, uint32_t experiment,
		       uint32_t activity, uint64_t sent, uint64_t observed)
{
	assert_int_equal(row->scitag->experiment_id, experiment);
	assert_int_equal(row->scitag->activity_id, activity);
	assert_int_equal(row->sent->packets, sent);
	assert_int_equal(row->sent->bytes, sent * 100);
	assert_int_equal(row->observed->packets, observed);
	assert_int_equal(row->observed->bytes, observed * 100);
}

static void test_known_and_unknown(void **state)
{
	struct scitag_stats stats = {.n = 0};

	(void)state;
	pairs[3][14].sent = (struct traffic_count){1, 100};
	pairs[3][0].observed = (struct traffic_count){2, 200};
	pairs[1][63] = (struct pair_count){{3, 300}, {4, 400}};
	pairs[511][63].sent = (struct traffic_count){5, 500};
	assert_int_equal(scitag_stats_read(&stats, NULL, registry), 0);
	assert_int_equal(stats.n, 4);
	expect_row(stats.messages[0], 1, 63, 3, 4);
	expect_row(stats.messages[1], 3, 0, 0, 2);
	assert_string_equal(stats.messages[1]->scitag->experiment, "cms");
	expect_row(stats.messages[2], 3, 14, 1, 0);
	assert_string_equal(stats.messages[2]->scitag->activity, "Analysis Input");
	expect_row(stats.messages[3], 511, 63, 5, 0);
	assert_string_equal(stats.messages[3]->scitag->experiment, "");
	assert_string_equal(stats.messages[3]->scitag->activity, "");
	scitag_stats_done(&stats);
}

/* Labels without experiment make one row, whatever they say of activities; what the pairs have
 * observed of it is what "other" says already. */
static void test_other(void **state)
{
	struct scitag_stats stats = {.n = 0};

	(void)state;
	other = (struct traffic_count){9, 900};
	pairs[0][0] = (struct pair_count){{1, 100}, {9, 900}};
	pairs[0][63].sent = (struct traffic_count){2, 200};
	pairs[2][0].sent = (struct traffic_count){1, 100};
	assert_int_equal(scitag_stats_read(&stats, NULL, registry), 0);
	assert_int_equal(stats.n, 2);
	expect_row(stats.messages[0], 0, 0, 3, 9);
	assert_string_equal(stats.messages[0]->scitag->experiment, "");
	expect_row(stats.messages[1], 2, 0, 1, 0);
	scitag_stats_done(&stats);
}

static void test_all_of_them(void **state)
{
	struct scitag_stats stats = {.n = 0};
	size_t i = 0;

	(void)state;
	for (unsigned e = 1; e <= SCITAG_EXPERIMENT_MAX; e++)
		for (unsigned a = 0; a <= SCITAG_ACTIVITY_MAX; a++)
			pairs[e][a].sent =
				(struct traffic_count){e * 64 + a, 100 * (e * 64 + a)};
	assert_int_equal(scitag_stats_read(&stats, NULL, registry), 0);
	assert_int_equal(stats.n, SCITAG_EXPERIMENT_MAX * (SCITAG_ACTIVITY_MAX + 1));
	for (unsigned e = 1; e <= SCITAG_EXPERIMENT_MAX; e++)
		for (unsigned a = 0; a <= SCITAG_ACTIVITY_MAX; a++)
			expect_row(stats.messages[i++], e, a, e * 64 + a, 0);
	scitag_stats_done(&stats);
}

static int load_registry(void **state)
{
	(void)state;
	return registry_builtin(&registry);
}

static int free_registry(void **state)
{
	(void)state;
	registry_free(registry);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_no_traffic, clear_counters),
		cmocka_unit_test_setup(test_known_and_unknown, clear_counters),
		cmocka_unit_test_setup(test_other, clear_counters),
		cmocka_unit_test_setup(test_all_of_them, clear_counters),
	};

	return cmocka_run_group_tests(tests, load_registry, free_registry);
}
