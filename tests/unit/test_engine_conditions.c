/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keeps an operation from being carried out: preconditions, fences, quotas, an ill store.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "engine_fixture.h"

/* ---- preconditions: api.md 13 ---- */

static struct result set_if(struct fixture *fixture, const char *destination, uint32_t label,
			    bool must_not_exist, uint64_t if_revision)
{
	struct request request = request_of(UPDATE_SET, destination, "me", label);

	request.update.must_not_exist = must_not_exist;
	request.update.if_revision = if_revision;
	return run_request(fixture, request);
}

static void test_preconditions(void **state)
{
	struct fixture *fixture = *state;
	struct request request = request_of(UPDATE_CLEAR, "2001:db8::1", "me", 0);
	struct result result = set_if(fixture, "2001:db8::1", 1, false, 3);

	assert_string_equal(result.fault.reason, FAULT_REASON_REVISION_MISMATCH);
	assert_int_equal(result.fault.code, FAULT_ABORTED);
	request.update.if_revision = 3;
	assert_int_equal(run_request(fixture, request).outcome, OUTCOME_ABSENT);
	assert_int_equal(set_if(fixture, "2001:db8::1", 1, true, 0).outcome, OUTCOME_CREATED);
	result = set_if(fixture, "2001:db8::1", 1, true, 0);
	assert_int_equal(result.fault.code, FAULT_ALREADY_EXISTS);
	assert_int_equal(result.there.revision, 1);
	assert_int_equal(set_if(fixture, "2001:db8::1", 2, false, 1).outcome, OUTCOME_UPDATED);
	result = run_request(fixture, request);
	assert_string_equal(result.fault.reason, FAULT_REASON_REVISION_MISMATCH);
	request.update.if_revision = 2;
	assert_int_equal(run_request(fixture, request).outcome, OUTCOME_REMOVED);
}

/* ---- fences and quotas ---- */

static struct result set_as(struct fixture *fixture, const char *destination,
			    uint64_t election_id, bool for_other)
{
	struct request request = request_of(UPDATE_SET, destination, "me", 1);

	request.op.election_id = election_id;
	request.op.for_other = for_other;
	return run_request(fixture, request);
}

static void test_fence(void **state)
{
	struct fixture *fixture = *state;
	struct request foreign = request_of(UPDATE_SET, "2001:db8::9", "me", 1);

	assert_int_equal(set_as(fixture, "2001:db8::1", 0, false).outcome, OUTCOME_CREATED);
	assert_int_equal(set_as(fixture, "2001:db8::1", 5, false).outcome, OUTCOME_UNCHANGED);
	assert_string_equal(set_as(fixture, "2001:db8::1", 4, false).fault.reason,
			    FAULT_REASON_NOT_PRIMARY);
	assert_string_equal(set_as(fixture, "2001:db8::1", 0, false).fault.reason,
			    FAULT_REASON_NOT_PRIMARY);
	/* A failed operation leaves its higher id. */
	run_request(fixture, request_of(UPDATE_SET, "2001:db8::9", "you", 1));
	foreign.op.election_id = 8;
	assert_string_equal(run_request(fixture, foreign).fault.reason, FAULT_REASON_NOT_OWNER);
	restart(fixture);
	assert_int_equal(engine_owner(fixture->engine, "me").election_id, 8);
	assert_int_equal(set_as(fixture, "2001:db8::1", 7, false).fault.code,
			 FAULT_FAILED_PRECONDITION);
	/* Admins are not fenced, and reset it. */
	assert_int_equal(set_as(fixture, "2001:db8::1", 0, true).outcome, OUTCOME_UNCHANGED);
	assert_int_equal(set_as(fixture, "2001:db8::1", 2, true).outcome, OUTCOME_UNCHANGED);
	assert_int_equal(set_as(fixture, "2001:db8::1", 2, false).outcome, OUTCOME_UNCHANGED);
}

static void test_take_over(void **state)
{
	struct fixture *fixture = *state;
	struct engine_op op = {.verb = ENGINE_APPLY, .owner = "me", .election_id = 3};

	run_op(fixture, &op);
	assert_int_equal(op.fault.code, FAULT_NONE);
	assert_int_equal(engine_owner(fixture->engine, "me").election_id, 3);
	assert_int_equal(fixture->store->commits, 1);
}

static void test_quota(void **state)
{
	struct fixture *fixture = *state;
	struct engine_update updates[] = {
		update_of(UPDATE_SET, "2001:db8::1", 1),
		update_of(UPDATE_SET, "2001:db8::2", 2),
		update_of(UPDATE_CLEAR, "2001:db8::1", 0),
		update_of(UPDATE_SET, "2001:db8::3", 3),
	};
	struct engine_op op = {.verb = ENGINE_APPLY,
			       .owner = "me",
			       .updates = updates,
			       .n_updates = 4,
			       .quota = 1};

	run_op(fixture, &op);
	assert_int_equal(updates[0].outcome, OUTCOME_CREATED);
	assert_string_equal(updates[1].fault->reason, FAULT_REASON_QUOTA);
	assert_int_equal(updates[3].outcome, OUTCOME_CREATED);
	engine_op_done(&op);
}

/* ---- the store falls ill, and recovers by itself ---- */

static void wait_for_store(struct fixture *fixture, int error)
{
	while (__atomic_load_n(&fixture->store_error, __ATOMIC_SEQ_CST) != error)
		sched_yield();
}

static void test_store_is_probed(void **state)
{
	struct fixture *fixture = *state;

	fixture->store->commit_error = -ENOSPC;
	assert_int_equal(set(fixture, "2001:db8::1", 1).fault.code, FAULT_UNAVAILABLE);
	wait_for_store(fixture, -ENOSPC);
	__atomic_store_n(&fixture->store->commit_error, 0, __ATOMIC_SEQ_CST);
	wait_for_store(fixture, 0);
	assert_int_equal(engine_revision(fixture->engine), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_preconditions), TEST(test_fence),	      TEST(test_take_over),
		TEST(test_quota),	  TEST(test_store_is_probed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
