/* SPDX-License-Identifier: Apache-2.0 */
/* Marks stop at their deadline, to the jiffy, and nobody has to do anything for it. */
#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "datapath/state.h"
#include "marks.h"

#define MILLISECOND INT64_C(1000000)
#define CROWD 100000

static struct datapath *datapath;

static int open_datapath(void **state)
{
	(void)state;
	datapath = marks_open(CROWD, 4);
	return 0;
}

static int close_datapath(void **state)
{
	(void)state;
	datapath_close(datapath);
	return 0;
}

static int64_t read_clock(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int64_t now(void)
{
	return read_clock(CLOCK_BOOTTIME);
}

/* What the kernel's count of ticks has got to: in a machine that must wait for a processor it
 * lags behind. */
static int64_t now_in_ticks(void)
{
	const int64_t coarse = read_clock(CLOCK_MONOTONIC_COARSE);

	return coarse + now() - read_clock(CLOCK_MONOTONIC);
}

static int64_t tick(void)
{
	struct timespec time;

	clock_getres(CLOCK_MONOTONIC_COARSE, &time);
	return time.tv_nsec;
}

/* A deadline that has passed, whichever clock one asks. */
static int64_t just_over(void)
{
	return now_in_ticks() - 2 * tick();
}

static uint32_t label_to(uint32_t host)
{
	return marks_label(datapath_program(datapath, true), host);
}

static uint32_t lease_take(void)
{
	uint32_t lease = 0;

	assert_int_equal(datapath_lease_take(datapath, &lease), 0);
	assert_int_not_equal(lease, 0);
	return lease;
}

/* Sends packets until one is left alone. */
static void expect_until(int64_t deadline)
{
	for (;;) {
		int64_t before = now_in_ticks();

		if (!label_to(1))
			break;
		assert_true(before <= deadline + 2 * tick());
	}
	/* The alignment is as good as two looks at the clock are close. */
	assert_true(now() >= deadline - tick() / 4);
}

static void a_mark_stops_at_its_deadline(void **state)
{
	struct match match = marks_match(MARK_HOST, 1);
	uint32_t lease = lease_take();

	(void)state;
	marks_add(datapath, &match, 7, lease);
	assert_int_equal(label_to(1), 7); /* never, at first */
	for (int round = 0; round < 10; round++) {
		int64_t deadline = now() + (20 + round) * MILLISECOND + round * 333333;

		datapath_lease_set(datapath, lease, deadline);
		expect_until(deadline);
	}
	datapath_lease_set(datapath, lease, INT64_MAX);
	assert_int_equal(label_to(1), 7);
	datapath_lease_set(datapath, lease, just_over());
	assert_int_equal(label_to(1), 0);
	datapath_lease_set(datapath, lease, 0);
	assert_int_equal(label_to(1), 0);
}

static void an_expired_mark_uncovers_the_next(void **state)
{
	struct match host = marks_match(MARK_HOST, 1), network = marks_match(MARK_NETWORK, 1);
	uint32_t lease = lease_take();

	(void)state;
	marks_add(datapath, &host, 7, lease);
	marks_add(datapath, &network, 8, 0);
	assert_int_equal(label_to(1), 7);
	datapath_lease_set(datapath, lease, just_over());
	assert_int_equal(label_to(1), 8);
}

static void rewriting_changes_the_lease(void **state)
{
	struct match match = marks_match(MARK_FLOW, 1);
	uint32_t over = lease_take(), running = lease_take();
	struct datapath_change change = marks_insert(&match, 7);

	(void)state;
	datapath_lease_set(datapath, over, just_over());
	datapath_lease_set(datapath, running, now() + 3600 * 1000 * MILLISECOND);
	change.lease = running;
	assert_int_equal(datapath_apply(datapath, &change, 1), 0);
	assert_int_equal(label_to(1), 7);
	change.verb = DATAPATH_REWRITE;
	change.lease = over;
	assert_int_equal(datapath_apply(datapath, &change, 1), 0);
	assert_int_equal(label_to(1), 0);
	change.lease = 0;
	assert_int_equal(datapath_apply(datapath, &change, 1), 0);
	assert_int_equal(label_to(1), 7);
}

static void crowd_insert(uint32_t lease)
{
	struct match *matches = calloc(CROWD, sizeof(*matches));
	struct datapath_change *changes = calloc(CROWD, sizeof(*changes));

	assert_non_null(matches);
	assert_non_null(changes);
	for (uint32_t i = 0; i < CROWD; i++) {
		matches[i] = marks_match(MARK_HOST, i);
		changes[i] = marks_insert(&matches[i], i + 1);
		changes[i].lease = lease;
	}
	assert_int_equal(datapath_apply(datapath, changes, CROWD), 0);
	free(changes);
	free(matches);
}

static void *copy_of(const void *memory, size_t size)
{
	void *copy = malloc(size);

	assert_non_null(copy);
	memcpy(copy, memory, size);
	return copy;
}

static size_t leases_changed(const uint64_t *copy)
{
	size_t changed = 0;

	for (uint32_t i = 0; i < datapath->slot_count; i++)
		changed += copy[i] != datapath->maps.leases[i];
	return changed;
}

static size_t marks_changed(const struct mark_row *copy)
{
	size_t changed = 0;

	for (uint32_t i = 0; i < datapath->slot_count * COUNTER_STRIPES; i++)
		changed += copy[i].word != datapath->maps.marks[i].word;
	return changed;
}

static void one_store_renews_any_number(void **state)
{
	uint32_t lease = lease_take();
	struct mark_row *marks;
	uint64_t *leases;

	(void)state;
	crowd_insert(lease);
	datapath_lease_set(datapath, lease, just_over());
	for (uint32_t host = 0; host < CROWD; host += 997)
		assert_int_equal(label_to(host), 0);
	leases = copy_of(datapath->maps.leases, datapath->slot_count * sizeof(*leases));
	marks = copy_of(datapath->maps.marks,
			datapath->slot_count * COUNTER_STRIPES * sizeof(*marks));
	datapath_lease_set(datapath, lease, now() + 3600 * 1000 * MILLISECOND);
	assert_int_equal(leases_changed(leases), 1);
	assert_int_equal(marks_changed(marks), 0);
	free(leases);
	free(marks);
	for (uint32_t host = 0; host < CROWD; host += 997)
		assert_int_equal(label_to(host), host + 1);
}

static void entries_rest_and_run_out(void **state)
{
	uint32_t first = lease_take(), lease = 77;

	(void)state;
	datapath_lease_set(datapath, first, now());
	datapath_lease_put(datapath, first);
	for (uint32_t i = 2; i < datapath->slot_count; i++)
		assert_int_not_equal(lease_take(), first);
	assert_int_equal(lease_take(), first); /* had to wait for it */
	assert_true(datapath->maps.leases[first] == LEASE_NEVER);
	assert_int_equal(datapath_lease_take(datapath, &lease), -ENOSPC);
	assert_int_equal(lease, 77);
}

/* As after a suspend: jiffies are behind, the deadlines too early or too late. */
static void a_clock_that_went_wrong_is_mended(void **state)
{
	static const int64_t wrong[] = {-100, -1, 3, 100};
	uint32_t lease = lease_take();
	int64_t deadline = now() + 3600 * 1000 * MILLISECOND;
	uint64_t right;

	(void)state;
	datapath_lease_set(datapath, lease, deadline);
	right = datapath->maps.leases[lease];
	for (size_t i = 0; i < 4; i++) {
		const uint64_t before = datapath->maps.leases[lease];

		datapath->clock.boottime += wrong[i] * tick();
		leases_align(&datapath->leases, &datapath->clock);
		assert_true(datapath->maps.leases[lease] == before - (uint64_t)wrong[i]);
		datapath->clock.boottime -= wrong[i] == -1 ? tick() : 0;
		assert_int_equal(datapath_clock_sync(datapath), 0);
		leases_align(&datapath->leases, &datapath->clock);
		assert_in_range(datapath->maps.leases[lease], right - 1, right + 1);
	}
	assert_true(datapath->maps.leases[0] == LEASE_NEVER);
}

static void a_suspend_is_noticed_when_a_deadline_is_set(void **state)
{
	uint32_t lease = lease_take();
	int64_t deadline = now() + 3600 * 1000 * MILLISECOND;
	uint64_t right;

	(void)state;
	datapath_lease_set(datapath, lease, deadline);
	right = datapath->maps.leases[lease];
	datapath->clock.suspended -= 500 * MILLISECOND;
	datapath->clock.boottime -= 500 * MILLISECOND;
	datapath_lease_set(datapath, lease, deadline);
	assert_in_range(datapath->maps.leases[lease], right - 1, right + 1);
}

static void jiffies_round_up(void **state)
{
	const struct clock clock = {.tick = 4000000, .jiffies = 1000, .boottime = 500};

	(void)state;
	assert_int_equal(clock_jiffies(&clock, 500), 1000);
	assert_int_equal(clock_jiffies(&clock, 501), 1001);
	assert_int_equal(clock_jiffies(&clock, 499), 1000);
	assert_int_equal(clock_jiffies(&clock, 4000500), 1001);
	assert_int_equal(clock_jiffies(&clock, 4000501), 1002);
	assert_int_equal(clock_jiffies(&clock, -3999500), 999);
	assert_int_equal(clock_jiffies(&clock, INT64_MIN), 0);
	assert_int_equal(clock_jiffies(&clock, INT64_MIN / 2), 0);
	assert_true(clock_jiffies(&clock, INT64_MAX) > 1ull << 40);
}

/* The kernel's own count over a while agrees with what a tick is said to be. */
static void a_tick_is_what_the_kernel_counts(void **state)
{
	struct clock start, end;
	uint64_t jiffies;

	(void)state;
	assert_int_equal(clock_init(&start, datapath->programs), 0);
	do
		assert_int_equal(clock_init(&end, datapath->programs), 0);
	while (end.boottime - start.boottime < 200 * MILLISECOND);
	jiffies = end.jiffies - start.jiffies;
	assert_true(llabs((end.boottime - start.boottime) - (int64_t)jiffies * start.tick) <
		    2 * start.tick);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_datapath, close_datapath)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_mark_stops_at_its_deadline),
		TEST(an_expired_mark_uncovers_the_next),
		TEST(rewriting_changes_the_lease),
		TEST(one_store_renews_any_number),
		TEST(entries_rest_and_run_out),
		TEST(a_clock_that_went_wrong_is_mended),
		TEST(a_suspend_is_noticed_when_a_deadline_is_set),
		TEST(a_tick_is_what_the_kernel_counts),
		cmocka_unit_test(jiffies_round_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
