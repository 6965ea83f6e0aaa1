/* SPDX-License-Identifier: Apache-2.0 */
/* The next agent has another capacity: what is in force moves to other maps. */
#include "check.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <marker.skel.h>

#include "core/scitag.h"
#include "datapath/state.h"
#include "marks.h"
#include "pinned.h"

#define KINDS 4
#define KEPT 40 /* packets of each mark so far when the first agent goes */
#define MARKS 900
#define NETWORKS 20
#define LOOPBACK 1

static struct match matches[KINDS];

static uint32_t host_of(uint32_t i)
{
	return 16 * i;
}

static int64_t in_seconds(int64_t seconds)
{
	struct timespec time;

	clock_gettime(CLOCK_BOOTTIME, &time);
	return ((int64_t)time.tv_sec + seconds) * 1000000000;
}

/* The mark of this kind goes by `program`. */
static void send_some(int program, uint32_t packets)
{
	for (uint32_t i = 0; i < KINDS; i++)
		for (uint32_t packet = 0; packet < packets; packet++)
			assert_int_equal(marks_label(program, host_of(i)), i + 1);
}

static void capacity(uint32_t marks, uint32_t networks)
{
	pinned.options.marks = marks;
	pinned.options.networks = networks;
}

static int leave_marks(void **state)
{
	uint32_t lease;

	(void)state;
	capacity(MARKS, NETWORKS);
	pinned_open();
	pinned_keep_program();
	assert_int_equal(datapath_lease_take(pinned.datapath, &lease), 0);
	assert_int_equal(datapath_lease_take(pinned.datapath, &lease), 0);
	datapath_lease_set(pinned.datapath, lease, in_seconds(3600));
	for (uint32_t i = 0; i < KINDS; i++) {
		matches[i] = marks_match(MARK_FLOW + i, host_of(i));
		marks_add(pinned.datapath, &matches[i], i + 1, lease);
	}
	send_some(pinned.program, KEPT);
	pinned_close();
	return 0;
}

/* Slots by mark, as the present agent has found them. */
static uint32_t slots[KINDS];

static int find(const struct match *match, uint32_t slot, void *user)
{
	unsigned *found = user;

	for (uint32_t i = 0; i < KINDS; i++)
		if (!memcmp(match, &matches[i], sizeof(*match))) {
			slots[i] = slot;
			++*found;
		}
	return 0;
}

static void expect_found(void)
{
	unsigned found = 0;

	assert_int_equal(datapath_each_pinned(pinned.datapath, find, &found), 0);
	assert_int_equal(found, KINDS);
}

static void claim_all(uint32_t lease)
{
	for (uint32_t i = 0; i < KINDS; i++) {
		const struct mark_action action = marks_raw(i + 1);

		assert_int_equal(
			datapath_claim(pinned.datapath, &matches[i], slots[i], &action, lease),
			0);
	}
}

static void expect_counted(uint64_t packets)
{
	for (uint32_t i = 0; i < KINDS; i++) {
		struct traffic_count count = datapath_counters(pinned.datapath, slots[i]);

		assert_int_equal(count.packets, packets);
		assert_int_equal(count.bytes, packets * MARKS_FRAME_BYTES);
	}
}

static bool is_pinned(const char *path)
{
	return access(pinned_path(path), F_OK) == 0;
}

static void expect_no_old_maps(void)
{
	assert_false(is_pinned("maps-old-1"));
	assert_false(is_pinned("maps-new"));
	assert_true(is_pinned("maps/control"));
}

static void everything_moves_with_another_capacity(void **state)
{
	static const uint32_t capacities[][2] = {
		{MARKS + 1, NETWORKS}, {MARKS, NETWORKS + 1}, {100000, 5000}, {3, 1}};
	const uint64_t rounds = sizeof(capacities) / sizeof(*capacities);
	int64_t since = 0;

	(void)state;
	for (uint32_t round = 0; round < rounds; round++) {
		uint64_t sent = KEPT + round * 5;

		capacity(capacities[round][0], capacities[round][1]);
		pinned_open();
		send_some(pinned.program, 2); /* nothing is replaced yet on interfaces */
		assert_int_equal(datapath_fill(pinned.datapath).marks, 3);
		assert_int_equal(datapath_fill(pinned.datapath).networks, 1);
		assert_int_equal(datapath_audit(pinned.datapath, NULL, 0), 0);
		expect_found();
		expect_counted(sent);
		claim_all(0);
		send_some(datapath_program(pinned.datapath, true), 3);
		expect_counted(sent + 3);

		assert_int_equal(datapath_leave_old_maps(pinned.datapath), 0);
		expect_counted(sent + 5);
		assert_int_equal(datapath_marked(pinned.datapath).packets, KINDS * (sent + 5));
		assert_int_equal(datapath_interface(pinned.datapath, LOOPBACK).seen,
				 KINDS * (sent + 5));
		assert_true(!since || since == datapath_since(pinned.datapath));
		since = datapath_since(pinned.datapath);
		expect_no_old_maps();
		pinned_keep_program();
		pinned_close();
	}
}

/* Until the marks are claimed nobody but the kernel knows the deadline. */
static void deadlines_move(void **state)
{
	struct match match = marks_match(MARK_HOST, 500);
	uint32_t lease;

	(void)state;
	pinned_open();
	assert_int_equal(datapath_lease_take(pinned.datapath, &lease), 0);
	datapath_lease_set(pinned.datapath, lease, 0);
	marks_add(pinned.datapath, &match, 9, lease);
	pinned_close();
	capacity(50, 5);
	pinned_open();
	assert_int_equal(marks_label(datapath_program(pinned.datapath, true), 500), 0);
	send_some(datapath_program(pinned.datapath, true), 1);
}

static void pairs_move(void **state)
{
	struct match match = marks_match(MARK_HOST, 500);
	struct datapath_change change = marks_insert(&match, 0);

	(void)state;
	change.action = (struct mark_action){
		.label = MARK_LABEL_SCITAG, .experiment = 3, .activity = 4};
	pinned_open();
	assert_int_equal(datapath_apply(pinned.datapath, &change, 1), 0);
	marks_label(pinned.program, 500);
	pinned_close();
	capacity(50, 5);
	pinned_open();
	marks_label(pinned.program, 500);
	marks_label(datapath_program(pinned.datapath, true), 500);
	assert_int_equal(datapath_leave_old_maps(pinned.datapath), 0);
	assert_int_equal(datapath_pair(pinned.datapath, 3, 4).sent.packets, 3);
}

/* A small set has no place for the slots that a large one gave out. */
static void high_slots_move_to_a_small_set(void **state)
{
	enum { MANY = 25000 };
	static struct match many[MANY];
	static struct datapath_change changes[MANY];

	(void)state;
	capacity(MANY + 10, NETWORKS);
	pinned_open();
	for (uint32_t i = 0; i < MANY; i++) {
		many[i] = marks_match(MARK_HOST, 1000 + i);
		changes[i] = marks_insert(&many[i], 7);
	}
	assert_int_equal(datapath_apply(pinned.datapath, changes, MANY), 0);
	assert_int_equal(datapath_leave_old_maps(pinned.datapath), 0);
	pinned_keep_program();
	for (uint32_t i = 0; i < MANY; i++)
		changes[i].verb = DATAPATH_REMOVE;
	assert_int_equal(datapath_apply(pinned.datapath, changes, MANY - 5), 0);
	pinned_close();
	capacity(10, 1);
	pinned_open();
	assert_in_range(changes[MANY - 1].slot, pinned.datapath->slot_count, UINT32_MAX);
	for (uint32_t i = MANY - 5; i < MANY; i++)
		assert_int_equal(marks_label(datapath_program(pinned.datapath, true), 1000 + i),
				 7);
	send_some(datapath_program(pinned.datapath, true), 1);
}

static void less_than_is_in_force_is_refused(void **state)
{
	(void)state;
	capacity(2, NETWORKS);
	pinned_expect_refused(-ENOSPC, "capacity.marks: 2 is too small: 3 are in force");
	send_some(pinned.program, 1);
	expect_no_old_maps();
	capacity(MARKS, NETWORKS);
	pinned_open();
	expect_found();
	expect_counted(KEPT + 1);
}

/* ---- killed over it ---- */

/* Where an agent is killed: as soon as this is there, or is not any more. */
static const struct moment {
	const char *path;
	bool is_there;
	bool has_left; /* programs on the old maps are not in use any more */
} moments[] = {
	{"maps-new", true, false},	    {"maps-new/marks", true, false},
	{"maps-new/control", true, false},  {"maps-old-1", true, false},
	{"maps-new", false, false},	    {"maps-old-1/control", false, true},
	{"maps-old-1/stages", false, true}, {"maps-old-1", false, true},
};

static void migrate(bool leave)
{
	pinned_open();
	expect_found();
	claim_all(0);
	if (leave && datapath_leave_old_maps(pinned.datapath))
		_exit(1);
	_exit(0);
}

static bool is_reached(const struct moment *moment, bool *began)
{
	*began = *began || is_pinned("maps-new") || is_pinned("maps-old-1");
	return *began && is_pinned(moment->path) == moment->is_there;
}

/* Or he has got by it before we looked, and has ended. */
static void kill_at(const struct moment *moment)
{
	bool began = false;
	int status = 0;
	pid_t pid = fork(), ended = 0;

	assert_true(pid >= 0);
	if (!pid)
		migrate(moment->has_left);
	while (!ended && !is_reached(moment, &began))
		ended = waitpid(pid, &status, WNOHANG);
	if (!ended) {
		kill(pid, SIGKILL);
		ended = waitpid(pid, &status, 0);
	}
	assert_int_equal(ended, pid);
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
}

/* Whoever comes next, with whatever capacity, has everything. */
static void killed_at_any_moment(void **state)
{
	const size_t n = sizeof(moments) / sizeof(*moments);
	uint64_t sent = KEPT;

	(void)state;
	for (uint32_t round = 0; round < pinned_rounds(5) * n; round++) {
		capacity(round % 2 ? MARKS : 100, NETWORKS);
		kill_at(&moments[round % n]);
		if (!moments[round % n].has_left)
			send_some(pinned.program, 1);
		if (round % 3)
			capacity(round % 3 == 1 ? 500 : 600, 5);
		pinned_open();
		expect_found();
		if (!moments[round % n].has_left)
			send_some(pinned.program, 1);
		pinned_keep_program();
		send_some(pinned.program, 1);
		assert_int_equal(datapath_leave_old_maps(pinned.datapath), 0);
		sent += moments[round % n].has_left ? 1 : 3;
		expect_counted(sent);
		expect_no_old_maps();
		pinned_close();
	}
}

/* Nobody gets as far as to replace the programs: the old sets are all kept. */
static void killed_many_times_in_a_row(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < PINS_OLD_MAX; i++) {
		capacity(100 + i, NETWORKS);
		pinned_open();
		send_some(pinned.program, 1);
		pinned_close();
	}
	capacity(MARKS, NETWORKS);
	pinned_expect_refused(-EBUSY, "8 replaced sets");
	send_some(pinned.program, 1);
	capacity(100 + PINS_OLD_MAX - 1, NETWORKS);
	pinned_open();
	assert_int_equal(datapath_leave_old_maps(pinned.datapath), 0);
	expect_found();
	expect_counted(KEPT + PINS_OLD_MAX + 1);
	expect_no_old_maps();
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, leave_marks, pinned_clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(everything_moves_with_another_capacity),
		TEST(deadlines_move),
		TEST(pairs_move),
		TEST(high_slots_move_to_a_small_set),
		TEST(less_than_is_in_force_is_refused),
		TEST(killed_at_any_moment),
		TEST(killed_many_times_in_a_row),
	};

	return cmocka_run_group_tests(tests, pinned_mount, NULL);
}
