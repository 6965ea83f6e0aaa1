/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is there after a restart, and what audits put right.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/match.h"
#include "engine_fixture.h"

static void test_restart_adopts(void **state)
{
	struct fixture *fixture = *state;
	struct engine_restored restored;
	struct result op, other;
	struct engine_mark mark;

	set(fixture, "2001:db8::3", 3);
	set(fixture, "2001:db8::1", 1);
	clear(fixture, "2001:db8::3");
	op = set_ttl(fixture, "2001:db8::2", HOUR);
	other = set(fixture, "2001:db8::1", 2);
	fake_find(&fixture->datapath, &op.update.match)->counters.packets = 9;
	restored = restart(fixture);
	assert_int_equal(restored.marks, 2);
	assert_int_equal(restored.adopted, 2);
	assert_int_equal(restored.stray, 0);
	assert_int_equal(engine_get(fixture->engine, &op.update.match, &mark), 0);
	assert_int_equal(mark.counters.packets, 9);
	assert_int_equal(mark.deadline, op.update.deadline);
	assert_int_equal(lease_of(fixture, "2001:db8::2")->deadline, op.update.deadline);
	assert_int_equal(engine_get(fixture->engine, &other.update.match, &mark), 0);
	assert_int_equal(mark.mark.action.flow_label, 2);
	assert_int_equal(set(fixture, "2001:db8::1", 2).outcome, OUTCOME_UNCHANGED);
	assert_int_equal(set(fixture, "2001:db8::4", 2).revision, 6);
}

static void test_restart_puts_both_sides_right(void **state)
{
	struct fixture *fixture = *state;
	struct match lost = match_of("2001:db8::1"), stray = match_of("2001:db8::9");
	struct engine_restored restored;

	set(fixture, "2001:db8::1", 1);
	set(fixture, "2001:db8::2", 2);
	fake_find(&fixture->datapath, &lost)->match = stray;
	restored = restart(fixture);
	assert_int_equal(restored.marks, 2);
	assert_int_equal(restored.adopted, 1);
	assert_int_equal(restored.stray, 1);
	assert_null(fake_find(&fixture->datapath, &stray));
	assert_int_equal(fake_find(&fixture->datapath, &lost)->action.flow_label, 1);
}

static void test_restart_after_the_deadline(void **state)
{
	struct fixture *fixture = *state;
	struct result op = set_ttl(fixture, "2001:db8::1", 100 * MS);

	stop(fixture);
	while (now() <= op.update.deadline)
		sched_yield();
	start(fixture);
	wait_for_revision(fixture, 2);
	assert_int_equal(fake_slots_used(&fixture->datapath), 0);
}

static void test_audit_repairs(void **state)
{
	struct fixture *fixture = *state;
	struct match match = match_of("2001:db8::1"), stray = match_of("2001:db8::9");

	fixture->audit_interval = (int64_t)(5 * MS);
	set(fixture, "2001:db8::1", 1);
	restart(fixture);
	/* One store each; the writer may come in between, so it is two rounds perhaps. */
	fixture->datapath.slots[FAKE_SLOTS - 1].match = stray;
	__atomic_store_n(&fixture->datapath.slots[FAKE_SLOTS - 1].used, true, __ATOMIC_SEQ_CST);
	__atomic_store_n(&fake_find(&fixture->datapath, &match)->action.flow_label, 7,
			 __ATOMIC_SEQ_CST);
	while (engine_repairs(fixture->engine) < 2)
		assert_int_equal(sem_wait(&fixture->repaired), 0);
	assert_int_equal(fake_find(&fixture->datapath, &match)->action.flow_label, 1);
	assert_null(fake_find(&fixture->datapath, &stray));
	assert_int_equal(engine_repairs(fixture->engine), 2);
	assert_int_equal(fixture->repairs, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_restart_adopts),
		TEST(test_restart_puts_both_sides_right),
		TEST(test_restart_after_the_deadline),
		TEST(test_audit_repairs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
