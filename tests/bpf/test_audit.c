/* SPDX-License-Identifier: Apache-2.0 */
/* Somebody has been at the maps with other tools: found, counted and put right. */
#include "check.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "datapath/state.h"
#include "marker.skel.h"
#include "marks.h"

#define MARKS 100 /* a quarter of each kind */

static struct datapath *datapath;
static struct match matches[MARKS];
static struct datapath_expected expected[MARKS];

static uint32_t host_of(uint32_t i)
{
	return i * 8;
}

static int open_with_marks(void **state)
{
	const struct datapath_options options = {.marks = 900, .networks = 90};
	uint32_t lease;

	(void)state;
	assert_int_equal(datapath_open(&options, &datapath), 0);
	assert_int_equal(datapath_lease_take(datapath, &lease), 0);
	datapath_lease_set(datapath, lease, INT64_MAX - 1);
	for (uint32_t i = 0; i < MARKS; i++) {
		matches[i] = marks_match(MARK_FLOW + i % 4, host_of(i));
		expected[i] = (struct datapath_expected){
			.match = &matches[i],
			.action = marks_raw(i + 1),
			.lease = i % 8 ? 0 : lease,
			.slot = marks_add(datapath, &matches[i], i + 1, i % 8 ? 0 : lease),
		};
	}
	return 0;
}

static int close_datapath(void **state)
{
	(void)state;
	datapath_close(datapath);
	return 0;
}

static void expect_all_marked(void)
{
	for (uint32_t i = 0; i < MARKS; i++)
		assert_int_equal(marks_label(datapath_program(datapath, true), host_of(i)),
				 i + 1);
}

static void expect_repairs(int repairs)
{
	assert_int_equal(datapath_audit(datapath, expected, MARKS), repairs);
	expect_all_marked();
	assert_int_equal(datapath_audit(datapath, expected, MARKS), 0);
}

static int fd_of(uint32_t i)
{
	return table_of(datapath, &matches[i])->fd;
}

static void nothing_to_do(void **state)
{
	(void)state;
	expect_all_marked();
	expect_repairs(0);
}

static void entries_that_were_deleted(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < MARKS; i += 5) {
		struct entry entry = entry_make(&matches[i], 0);

		assert_int_equal(bpf_map_delete_elem(fd_of(i), &entry.key), 0);
		assert_int_equal(marks_label(datapath_program(datapath, true), host_of(i)), 0);
	}
	expect_repairs(20);
	assert_int_equal(datapath_fill(datapath).marks, 75);
	assert_int_equal(datapath_fill(datapath).networks, 25);
}

static void entries_that_lead_elsewhere(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < MARKS; i += 10) {
		struct entry entry = entry_make(&matches[i], expected[i + 1].slot);

		assert_int_equal(bpf_map_update_elem(fd_of(i), &entry.key, &entry.value, 0), 0);
		assert_int_equal(marks_label(datapath_program(datapath, true), host_of(i)),
				 i + 2);
	}
	expect_repairs(10);
}

static void words_that_were_overwritten(void **state)
{
	(void)state;
	datapath->maps.marks[expected[3].slot].word = 0;
	datapath->maps.marks[expected[8].slot].word ^= 1;
	datapath->maps.leases[expected[8].lease] = 1;
	datapath->maps.leases[0] = 1;
	assert_int_equal(marks_label(datapath_program(datapath, true), host_of(8)), 0);
	expect_repairs(4);
}

/* Whatever CPU meets them: those of a FLOW are looked up in the first row only. */
static void words_of_all_stripes(void **state)
{
	(void)state;
	for (uint32_t stripe = 0; stripe < COUNTER_STRIPES; stripe++)
		for (uint32_t i = 0; i < 4; i++) /* one of each kind */
			datapath->maps.marks[stripe * datapath->slot_count + expected[i].slot]
				.word = 1;
	expect_repairs(2 * 1 + 2 * COUNTER_STRIPES);
}

static void filter_words_that_were_cleared(void **state)
{
	int repairs;

	(void)state;
	memset(datapath->maps.filter, 0, datapath->filter.buckets / 2);
	assert_int_equal(marks_label(datapath_program(datapath, true), host_of(8)), 0);
	repairs = datapath_audit(datapath, expected, MARKS);
	assert_in_range(repairs, MARKS / 2, MARKS); /* some share a bit */
	expect_repairs(0);
}

static void common_words_that_were_changed(void **state)
{
	(void)state;
	datapath->maps.common->kinds = 0;
	datapath->maps.common->shortest_prefix = 10;
	datapath->maps.common->observe = 1;
	datapath->maps.control[CONTROL_VERSION] = 0;
	expect_repairs(4);
}

static void stages_that_were_unplugged(void **state)
{
	int stages = bpf_map__fd(datapath->programs->maps.stages);

	(void)state;
	for (uint32_t stage = 0; stage < STAGES; stage++)
		assert_int_equal(bpf_map_delete_elem(stages, &stage), 0);
	assert_int_equal(marks_label(datapath_program(datapath, true), host_of(8)), 0);
	expect_repairs(STAGES);
}

static void stages_that_are_not_ours(void **state)
{
	int stages = bpf_map__fd(datapath->programs->maps.stages);
	int other = bpf_program__fd(datapath->programs->progs.read_clock);

	(void)state;
	for (uint32_t stage = 0; stage < STAGES; stage++)
		assert_int_equal(bpf_map_update_elem(stages, &stage, &other, BPF_ANY), 0);
	expect_repairs(STAGES);
}

static void expectations_must_be_true(void **state)
{
	struct datapath_expected wrong = expected[0];

	(void)state;
	wrong.slot = expected[1].slot;
	assert_int_equal(datapath_audit(datapath, &wrong, 1), -EINVAL);
	wrong.slot = UINT32_MAX;
	assert_int_equal(datapath_audit(datapath, &wrong, 1), -EINVAL);
	expect_repairs(0);
}

static bool is_expected(const struct match *match, uint32_t slot, void *user)
{
	uint32_t *asked = user;

	(*asked)++;
	for (uint32_t i = 0; i < MARKS; i++)
		if (expected[i].slot == slot && !memcmp(match, &matches[i], sizeof(*match)))
			return true;
	return false;
}

/* One round in slices of n; returns the repairs. */
static int sweep(size_t n, uint32_t *asked)
{
	struct datapath_cursor cursor = {0};
	bool end = false;
	int repairs = 0;

	*asked = 0;
	for (int slices = 0; !end; slices++) {
		int one = datapath_sweep(datapath, &cursor, n, is_expected, asked, &end);

		assert_true(one >= 0);
		assert_true(slices < 1000);
		repairs += one;
	}
	return repairs;
}

static void put_strange(uint32_t host, enum mark_kind kind, uint32_t slot)
{
	struct match match = marks_match(kind, host);
	struct entry entry = entry_make(&match, slot);

	assert_int_equal(bpf_map_update_elem(table_of(datapath, &match)->fd, &entry.key,
					     &entry.value, BPF_NOEXIST),
			 0);
}

static void entries_that_were_added(void **state)
{
	static const size_t slices[] = {1, 7, 1000};
	struct exact_key padded = {.padding = {1}};
	const uint64_t none = 0;
	uint32_t asked;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (uint32_t host = 1; host < 40; host += 8)
			put_strange(host, MARK_HOST, expected[0].slot);
		put_strange(9000, MARK_NETWORK, 5);
		assert_int_equal(bpf_map_update_elem(fd_of(0), &padded, &none, 0), 0);
		assert_int_equal(sweep(slices[i], &asked), 7);
		assert_int_equal(asked, MARKS + 6); /* the padded one is nobody's */
		assert_int_equal(sweep(slices[i], &asked), 0);
		assert_int_equal(asked, MARKS);
		expect_repairs(0);
	}
}

/* The key under the cursor goes between two slices: the round still ends. */
static void a_cursor_survives_removals(void **state)
{
	struct datapath_cursor cursor = {0};
	uint32_t asked = 0;
	bool end = false;

	(void)state;
	for (uint32_t i = 0; i < MARKS; i++) {
		struct datapath_change change = marks_remove(&matches[i], expected[i].slot);

		assert_int_equal(
			datapath_sweep(datapath, &cursor, 3, is_expected, &asked, &end), 0);
		assert_int_equal(datapath_apply(datapath, &change, 1), 0);
	}
	for (int slices = 0; !end; slices++) {
		assert_true(slices < 100);
		assert_int_equal(
			datapath_sweep(datapath, &cursor, 3, is_expected, &asked, &end), 0);
	}
}

#define TEST(function) \
	cmocka_unit_test_setup_teardown(function, open_with_marks, close_datapath)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_to_do),
		TEST(entries_that_were_deleted),
		TEST(entries_that_lead_elsewhere),
		TEST(words_that_were_overwritten),
		TEST(words_of_all_stripes),
		TEST(filter_words_that_were_cleared),
		TEST(common_words_that_were_changed),
		TEST(stages_that_were_unplugged),
		TEST(stages_that_are_not_ours),
		TEST(expectations_must_be_true),
		TEST(entries_that_were_added),
		TEST(a_cursor_survives_removals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
