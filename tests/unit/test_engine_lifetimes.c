/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Marks that end: deadlines, renewals, expiry.
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

static void test_ttl_gives_a_deadline(void **state)
{
	struct fixture *fixture = *state;
	int64_t before = now();
	struct result op = set_ttl(fixture, "2001:db8::1", HOUR);
	struct engine_mark mark;

	assert_int_equal(op.outcome, OUTCOME_CREATED);
	assert_true(op.update.deadline >= before + (int64_t)HOUR);
	assert_true(op.update.deadline <= now() + (int64_t)HOUR);
	assert_int_equal(lease_of(fixture, "2001:db8::1")->deadline, op.update.deadline);
	assert_int_equal(engine_get(fixture->engine, &op.update.match, &mark), 0);
	assert_int_equal(mark.deadline, op.update.deadline);
	assert_int_equal(mark.mark.ttl, HOUR);
}

/* api.md 22: the same again renews; durable, but no revision. */
static void test_equal_set_renews(void **state)
{
	struct fixture *fixture = *state;
	struct result first = set_ttl(fixture, "2001:db8::1", HOUR);
	struct result op = set_ttl(fixture, "2001:db8::1", HOUR);

	assert_int_equal(op.outcome, OUTCOME_UNCHANGED);
	assert_int_equal(op.revision, first.revision);
	assert_true(op.update.deadline > first.update.deadline);
	assert_int_equal(lease_of(fixture, "2001:db8::1")->deadline, op.update.deadline);
	assert_int_equal(fake_leases_used(&fixture->datapath), 1);
}

static void test_lifetime_changes(void **state)
{
	struct fixture *fixture = *state;
	struct result op;

	set_ttl(fixture, "2001:db8::1", HOUR);
	op = set_ttl(fixture, "2001:db8::1", 2 * HOUR);
	assert_int_equal(op.outcome, OUTCOME_UPDATED);
	assert_int_equal(fake_leases_used(&fixture->datapath), 1);
	op = set(fixture, "2001:db8::1", 5);
	assert_int_equal(op.outcome, OUTCOME_UPDATED);
	assert_int_equal(op.update.deadline, 0);
	assert_int_equal(fake_leases_used(&fixture->datapath), 0);
	op = set_ttl(fixture, "2001:db8::1", HOUR);
	assert_int_equal(op.outcome, OUTCOME_UPDATED);
	assert_int_equal(lease_of(fixture, "2001:db8::1")->deadline, op.update.deadline);
	clear(fixture, "2001:db8::1");
	assert_int_equal(fake_leases_used(&fixture->datapath), 0);
}

static void test_expiry_removes(void **state)
{
	struct fixture *fixture = *state;
	struct engine_mark mark;
	struct result op;
	int64_t after;

	set_ttl(fixture, "2001:db8::2", HOUR);
	op = set_ttl(fixture, "2001:db8::1", 20 * MS);
	wait_for_revision(fixture, 3);
	after = now() - op.update.deadline;
	assert_true(after >= 0);
	assert_true(after < (int64_t)(1000 * MS));
	assert_int_equal(engine_get(fixture->engine, &op.update.match, &mark), -ENOENT);
	assert_int_equal(fake_slots_used(&fixture->datapath), 1);
	assert_int_equal(fake_leases_used(&fixture->datapath), 1);
}

/* api.md 23: a passed deadline never revives. */
static void test_dead_mark_is_created_anew(void **state)
{
	struct fixture *fixture = *state;
	struct result op = set_ttl(fixture, "2001:db8::1", 300 * MS);

	fake_find(&fixture->datapath, &op.update.match)->counters.packets = 9;
	while (now() <= op.update.deadline)
		sched_yield();
	op = set_ttl(fixture, "2001:db8::1", HOUR);
	assert_int_equal(op.outcome, OUTCOME_CREATED);
	assert_int_equal(op.update.counters.packets, 0);
	assert_int_equal(op.revision, 3);
}

static void test_failed_commit_takes_lifetimes_back(void **state)
{
	struct fixture *fixture = *state;
	struct result first = set_ttl(fixture, "2001:db8::1", HOUR);

	fixture->store->commit_error = -EIO;
	assert_int_equal(set_ttl(fixture, "2001:db8::1", HOUR).fault.code, FAULT_UNAVAILABLE);
	assert_int_equal(lease_of(fixture, "2001:db8::1")->deadline, first.update.deadline);
	assert_int_equal(set_ttl(fixture, "2001:db8::2", HOUR).fault.code, FAULT_UNAVAILABLE);
	assert_int_equal(fake_leases_used(&fixture->datapath), 1);
	assert_int_equal(set(fixture, "2001:db8::1", 5).fault.code, FAULT_UNAVAILABLE);
	assert_int_equal(lease_of(fixture, "2001:db8::1")->deadline, first.update.deadline);
	fixture->store->commit_error = 0;
	assert_int_equal(set_ttl(fixture, "2001:db8::1", HOUR).outcome, OUTCOME_UNCHANGED);
}

/* A store that fails keeps the dead mark; nobody waits for it, and later all is well. */
static void test_dead_mark_and_failing_store(void **state)
{
	struct fixture *fixture = *state;
	struct result op;

	fixture->store->commit_error = -EIO;
	assert_int_equal(set_ttl(fixture, "2001:db8::1", MS).fault.code, FAULT_UNAVAILABLE);
	fixture->store->commit_error = 0;
	op = set_ttl(fixture, "2001:db8::1", 50 * MS);
	fixture->store->commit_error = -EIO;
	while (now() <= op.update.deadline)
		sched_yield();
	assert_int_equal(set(fixture, "2001:db8::1", 6).fault.code, FAULT_UNAVAILABLE);
	assert_int_equal(clear(fixture, "2001:db8::1").fault.code, FAULT_UNAVAILABLE);
	fixture->store->commit_error = 0;
	assert_int_equal(set(fixture, "2001:db8::1", 6).outcome, OUTCOME_CREATED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ttl_gives_a_deadline),
		TEST(test_equal_set_renews),
		TEST(test_lifetime_changes),
		TEST(test_expiry_removes),
		TEST(test_dead_mark_is_created_anew),
		TEST(test_failed_commit_takes_lifetimes_back),
		TEST(test_dead_mark_and_failing_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
