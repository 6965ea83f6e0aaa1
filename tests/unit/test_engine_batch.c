/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations with many updates: their order, all or nothing, only trying, preconditions,
 * fences.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "engine_fixture.h"

static struct engine_op batch(struct engine_update updates[], size_t n)
{
	return (struct engine_op){
		.verb = ENGINE_APPLY, .owner = "me", .updates = updates, .n_updates = n};
}

static uint64_t marks(struct fixture *fixture)
{
	return engine_owner(fixture->engine, "me").marks;
}

/* ---- order ---- */

static void test_add_delete_add(void **state)
{
	struct fixture *fixture = *state;
	struct engine_update updates[] = {
		update_of(UPDATE_SET, "2001:db8::1", 1),
		update_of(UPDATE_CLEAR, "2001:db8::1", 0),
		update_of(UPDATE_SET, "2001:db8::1", 2),
		update_of(UPDATE_SET, "2001:db8::1", 2),
		update_of(UPDATE_SET, "2001:db8::1", 3),
	};
	struct engine_op op = batch(updates, 5);
	struct engine_mark mark;

	run_op(fixture, &op);
	assert_int_equal(updates[0].outcome, OUTCOME_CREATED);
	assert_int_equal(updates[1].outcome, OUTCOME_REMOVED);
	assert_int_equal(updates[2].outcome, OUTCOME_CREATED);
	assert_int_equal(updates[3].outcome, OUTCOME_UNCHANGED);
	assert_int_equal(updates[3].revision, 3);
	assert_int_equal(updates[4].outcome, OUTCOME_UPDATED);
	assert_int_equal(updates[4].revision, 4);
	assert_int_equal(op.revision, 4);
	assert_int_equal(fixture->store->commits, 1);
	assert_int_equal(engine_get(fixture->engine, &updates[0].match, &mark), 0);
	assert_int_equal(mark.mark.action.flow_label, 3);
	assert_int_equal(programmed(fixture, "2001:db8::1"), 3);
	assert_int_equal(marks(fixture), 1);
}

static void test_clear_then_set_starts_counting_anew(void **state)
{
	struct fixture *fixture = *state;
	struct engine_update updates[] = {
		update_of(UPDATE_CLEAR, "2001:db8::1", 0),
		update_of(UPDATE_SET, "2001:db8::1", 1),
	};
	struct engine_op op = batch(updates, 2);

	set(fixture, "2001:db8::1", 1);
	fake_find(&fixture->datapath, &updates[0].match)->counters.packets = 7;
	run_op(fixture, &op);
	assert_int_equal(updates[0].counters.packets, 7);
	assert_int_equal(updates[1].outcome, OUTCOME_CREATED);
	assert_int_equal(updates[1].counters.packets, 0);
	assert_int_equal(marks(fixture), 1);
	restart(fixture);
	assert_int_equal(programmed(fixture, "2001:db8::1"), 1);
}

static void test_a_failure_leaves_the_others_alone(void **state)
{
	struct fixture *fixture = *state;
	struct engine_update updates[] = {
		update_of(UPDATE_SET, "2001:db8::1", 1),
		update_of(UPDATE_SET, "2001:db8::2", 2),
		update_of(UPDATE_SET, "2001:db8::3", 3),
	};
	struct engine_op op = batch(updates, 3);

	run_request(fixture, request_of(UPDATE_SET, "2001:db8::2", "you", 9));
	run_op(fixture, &op);
	assert_int_equal(op.fault.code, FAULT_NONE);
	assert_int_equal(op.failed, 1);
	assert_int_equal(op.created, 2);
	assert_string_equal(updates[1].fault->reason, FAULT_REASON_NOT_OWNER);
	assert_int_equal(updates[1].outcome, OUTCOME_NONE);
	engine_op_done(&op);
	assert_int_equal(programmed(fixture, "2001:db8::2"), 9);
	assert_int_equal(programmed(fixture, "2001:db8::3"), 3);
}

/* The update before has failed in the kernel: this one meets what is there. */
static void test_what_the_kernel_refuses_is_not_built_upon(void **state)
{
	struct fixture *fixture = *state;
	struct engine_update updates[] = {
		update_of(UPDATE_SET, "2001:db8::1", 1),
		update_of(UPDATE_CLEAR, "2001:db8::1", 0),
	};
	struct engine_op op = batch(updates, 2);

	fixture->datapath.error = -EPERM;
	run_op(fixture, &op);
	assert_string_equal(updates[0].fault->reason, FAULT_REASON_DATAPATH);
	assert_int_equal(updates[1].outcome, OUTCOME_ABSENT);
	assert_int_equal(op.failed, 1);
	assert_int_equal(op.absent, 1);
	engine_op_done(&op);
	assert_int_equal(engine_revision(fixture->engine), 0);
}

/* ---- all or nothing ---- */

static void test_nothing_if_one_fails(void **state)
{
	struct fixture *fixture = *state;
	struct engine_update updates[] = {
		update_of(UPDATE_SET, "2001:db8::1", 1),
		update_of(UPDATE_CLEAR, "2001:db8::3", 0),
		update_of(UPDATE_SET, "2001:db8::2", 2),
	};
	struct engine_op op = batch(updates, 3);
	unsigned int changes;

	set(fixture, "2001:db8::3", 3);
	run_request(fixture, request_of(UPDATE_SET, "2001:db8::2", "you", 9));
	changes = fixture->datapath.n_changes;
	op.all_or_nothing = true;
	run_op(fixture, &op);
	assert_string_equal(op.fault.reason, FAULT_REASON_NOT_OWNER);
	assert_int_equal(op.failed_update, 2);
	assert_int_equal(op.revision, 2);
	assert_int_equal(fixture->datapath.n_changes, changes);
	engine_op_done(&op);
	assert_int_equal(marks(fixture), 1);
}

static void test_all_if_none_fails(void **state)
{
	struct fixture *fixture = *state;
	struct engine_update updates[] = {
		update_of(UPDATE_SET, "2001:db8::1", 1),
		update_of(UPDATE_CLEAR, "2001:db8::1", 0),
		update_of(UPDATE_SET, "2001:db8::2", 2),
	};
	struct engine_op op = batch(updates, 3);

	op.all_or_nothing = true;
	run_op(fixture, &op);
	assert_int_equal(op.fault.code, FAULT_NONE);
	assert_int_equal(op.created, 2);
	assert_int_equal(op.removed, 1);
	assert_int_equal(op.revision, 3);
	assert_int_equal(marks(fixture), 1);
}

static void test_full_table_is_found_before_the_first_change(void **state)
{
	struct fixture *fixture = *state;
	struct engine_update updates[] = {
		update_of(UPDATE_SET, "2001:db8::1", 1),
		update_of(UPDATE_SET, "2001:db8::2", 2),
	};
	struct engine_op op = batch(updates, 2);

	fixture->datapath.capacity = 1;
	op.all_or_nothing = true;
	run_op(fixture, &op);
	assert_string_equal(op.fault.reason, FAULT_REASON_TABLE_FULL);
	assert_int_equal(op.failed_update, 1);
	assert_int_equal(fixture->datapath.n_changes, 0);
	engine_op_done(&op);
}

/* api.md 16: if the kernel then refuses, what was written is put back. */
static void test_kernel_refuses_half_way(void **state)
{
	struct fixture *fixture = *state;
	struct engine_update updates[] = {
		update_of(UPDATE_SET, "2001:db8::1", 8),
		update_of(UPDATE_CLEAR, "2001:db8::2", 0),
		update_of(UPDATE_SET, "2001:db8::3", 9),
		update_of(UPDATE_SET, "2001:db8::4", 9),
	};
	struct engine_op op = batch(updates, 4);

	set(fixture, "2001:db8::1", 1);
	set(fixture, "2001:db8::2", 2);
	fake_find(&fixture->datapath, &updates[1].match)->counters.packets = 5;
	fixture->datapath.successes = 3;
	fixture->datapath.error = -EPERM;
	op.all_or_nothing = true;
	fixture->datapath.errors = 1;
	run_op(fixture, &op);
	assert_string_equal(op.fault.reason, FAULT_REASON_DATAPATH);
	assert_int_equal(op.failed_update, 3);
	engine_op_done(&op);
	assert_int_equal(programmed(fixture, "2001:db8::1"), 1);
	assert_int_equal(programmed(fixture, "2001:db8::2"), 2);
	assert_int_equal(programmed(fixture, "2001:db8::3"), UINT32_MAX);
	assert_int_equal(clear(fixture, "2001:db8::2").update.counters.packets, 5);
	assert_int_equal(engine_revision(fixture->engine), 3);
}

/* A rollback that the kernel refuses, too, leaves a mark without an entry: set again it is
 * back, and no other mark is touched. */
static void test_rollback_refused(void **state)
{
	struct fixture *fixture = *state;

	set(fixture, "2001:db8::1", 1);
	fixture->store->commit_error = -EIO;
	fixture->datapath.successes = 1;
	fixture->datapath.error = -EPERM;
	assert_int_equal(clear(fixture, "2001:db8::1").fault.code, FAULT_UNAVAILABLE);
	fixture->datapath.error = 0;
	fixture->store->commit_error = 0;
	assert_int_equal(programmed(fixture, "2001:db8::1"), UINT32_MAX);
	set(fixture, "2001:db8::2", 2);
	assert_int_equal(set(fixture, "2001:db8::1", 1).outcome, OUTCOME_UNCHANGED);
	assert_int_equal(programmed(fixture, "2001:db8::1"), 1);
	assert_int_equal(programmed(fixture, "2001:db8::2"), 2);
	assert_int_equal(clear(fixture, "2001:db8::1").outcome, OUTCOME_REMOVED);
	assert_int_equal(fake_slots_used(&fixture->datapath), 1);
}

/* ---- only trying ---- */

static void test_validate_only(void **state)
{
	struct fixture *fixture = *state;
	struct engine_update updates[] = {
		update_of(UPDATE_SET, "2001:db8::1", 1),
		update_of(UPDATE_SET, "2001:db8::1", 2),
		update_of(UPDATE_CLEAR, "2001:db8::1", 0),
		update_of(UPDATE_CLEAR, "2001:db8::1", 0),
		update_of(UPDATE_SET, "2001:db8::5", 5),
	};
	struct engine_op op = batch(updates, 5);
	unsigned int changes, commits;

	set(fixture, "2001:db8::5", 4);
	changes = fixture->datapath.n_changes;
	commits = fixture->store->commits;
	updates[4].lifetime = MARK_TTL;
	updates[4].ttl = HOUR;
	op.validate_only = true;
	op.election_id = 7;
	run_op(fixture, &op);
	assert_int_equal(updates[0].outcome, OUTCOME_CREATED);
	assert_int_equal(updates[1].outcome, OUTCOME_UPDATED);
	assert_int_equal(updates[2].outcome, OUTCOME_REMOVED);
	assert_int_equal(updates[3].outcome, OUTCOME_ABSENT);
	assert_int_equal(updates[4].outcome, OUTCOME_UPDATED);
	assert_int_equal(op.revision, 1);
	assert_int_equal(fixture->datapath.n_changes, changes);
	assert_int_equal(fixture->store->commits, commits);
	assert_int_equal(fake_leases_used(&fixture->datapath), 0);
	assert_int_equal(engine_owner(fixture->engine, "me").election_id, 0);
	assert_int_equal(marks(fixture), 1);
}

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
	struct engine_op op = batch(NULL, 0);

	op.election_id = 3;
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
	struct engine_op op = batch(updates, 4);

	op.quota = 1;
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
		TEST(test_add_delete_add),
		TEST(test_clear_then_set_starts_counting_anew),
		TEST(test_a_failure_leaves_the_others_alone),
		TEST(test_what_the_kernel_refuses_is_not_built_upon),
		TEST(test_nothing_if_one_fails),
		TEST(test_all_if_none_fails),
		TEST(test_full_table_is_found_before_the_first_change),
		TEST(test_kernel_refuses_half_way),
		TEST(test_rollback_refused),
		TEST(test_validate_only),
		TEST(test_preconditions),
		TEST(test_fence),
		TEST(test_take_over),
		TEST(test_quota),
		TEST(test_store_is_probed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
