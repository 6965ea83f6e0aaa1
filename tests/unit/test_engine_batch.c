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

/* Operations that queue up behind one that holds the writer, and so are taken together. */
struct queued {
	struct engine_op op; /* first */
	sem_t *done;
	sem_t *held; /* NULL: it does not hold the writer */
};

static bool hold(struct engine_op *op)
{
	sem_wait(((struct queued *)op)->held);
	return true;
}

static void count_done(struct engine_op *op)
{
	sem_post(((struct queued *)op)->done);
}

static void run_together(struct fixture *fixture, struct queued queued[], size_t n)
{
	struct queued holder = {.op = batch(NULL, 0)};
	sem_t done, held;

	sem_init(&done, 0, 0);
	sem_init(&held, 0, 0);
	holder.held = &held;
	holder.done = &done;
	holder.op.wanted = hold;
	holder.op.done = count_done;
	engine_submit(fixture->engine, &holder.op);
	for (size_t i = 0; i < n; i++) {
		queued[i].done = &done;
		queued[i].op.done = count_done;
		engine_submit(fixture->engine, &queued[i].op);
	}
	sem_post(&held);
	for (size_t i = 0; i < n + 1; i++)
		while (sem_wait(&done) < 0)
			;
	sem_destroy(&done);
	sem_destroy(&held);
}

/* What is only tried tells the revision that the change before it gets. */
static void test_validate_only_behind_a_change(void **state)
{
	struct fixture *fixture = *state;
	struct engine_update change = update_of(UPDATE_SET, "2001:db8::1", 1), trial = change;
	struct queued queued[] = {{.op = batch(&change, 1)}, {.op = batch(&trial, 1)}};

	queued[1].op.validate_only = true;
	run_together(fixture, queued, 2);
	assert_int_equal(change.revision, 1);
	assert_int_equal(trial.outcome, OUTCOME_UNCHANGED);
	assert_int_equal(trial.revision, 1);
	assert_int_equal(queued[1].op.revision, 1);
}

/* Callers that queue up share a commit, and each gets its own answer. */
static void test_one_commit_for_many(void **state)
{
	struct fixture *fixture = *state;
	struct engine_update updates[] = {
		update_of(UPDATE_SET, "2001:db8::1", 1),
		update_of(UPDATE_CLEAR, "2001:db8::1", 0),
		update_of(UPDATE_SET, "2001:db8::2", 2),
	};
	struct queued queued[] = {{.op = batch(&updates[0], 1)},
				  {.op = batch(&updates[1], 1)},
				  {.op = batch(&updates[2], 1)}};

	run_together(fixture, queued, 3);
	assert_int_equal(fixture->store->commits, 1);
	assert_int_equal(queued[0].op.revision, 1);
	assert_int_equal(updates[1].outcome, OUTCOME_REMOVED);
	assert_int_equal(queued[1].op.revision, 2);
	assert_int_equal(queued[2].op.revision, 3);
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
		TEST(test_validate_only_behind_a_change),
		TEST(test_one_commit_for_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
