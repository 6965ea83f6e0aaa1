/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One update at a time: what the engine decides, programs, keeps and answers.
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

static void test_create(void **state)
{
	struct fixture *fixture = *state;
	struct match match = match_of("2001:db8::1");
	struct result op = set(fixture, "2001:db8::1", 5);
	struct engine_mark mark;

	assert_int_equal(op.outcome, OUTCOME_CREATED);
	assert_int_equal(op.revision, 1);
	assert_int_equal(op.update.revision, 1);
	assert_true(op.update.create_time > 0);
	assert_int_equal(fake_find(&fixture->datapath, &match)->action.flow_label, 5);
	assert_int_equal(engine_get(fixture->engine, &match, &mark), 0);
	assert_string_equal(mark.mark.owner, "me");
	assert_int_equal(engine_owner(fixture->engine, "me").marks, 1);
}

static void test_equal_set_changes_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct result first = set(fixture, "2001:db8::1", 5);
	unsigned int changes = fixture->datapath.n_changes;
	struct result op = set(fixture, "2001:db8::1", 5);

	assert_int_equal(op.outcome, OUTCOME_UNCHANGED);
	assert_int_equal(op.revision, first.revision);
	assert_int_equal(op.update.revision, first.revision);
	assert_int_equal(op.update.create_time, first.update.create_time);
	assert_int_equal(fixture->datapath.n_changes, changes);
}

static void test_update_keeps_slot_counters_and_creation(void **state)
{
	struct fixture *fixture = *state;
	struct match match = match_of("2001:db8::1");
	struct result first = set(fixture, "2001:db8::1", 5);
	struct fake_slot *slot = fake_find(&fixture->datapath, &match);
	struct result op;

	slot->counters = (struct traffic_count){7, 700};
	op = set(fixture, "2001:db8::1", 6);
	assert_int_equal(op.outcome, OUTCOME_UPDATED);
	assert_int_equal(op.revision, 2);
	assert_int_equal(slot->counters.packets, 7);
	assert_int_equal(op.update.create_time, first.update.create_time);
	assert_ptr_equal(fake_find(&fixture->datapath, &match), slot);
	assert_int_equal(slot->action.flow_label, 6);
}

static void test_cookie_alone_leaves_the_kernel_alone(void **state)
{
	struct fixture *fixture = *state;
	struct request request = request_of(UPDATE_SET, "2001:db8::1", "me", 5);
	unsigned int changes;
	struct result op;

	set(fixture, "2001:db8::1", 5);
	changes = fixture->datapath.n_changes;
	request.update.cookie = "note";
	op = run_request(fixture, request);
	assert_int_equal(op.outcome, OUTCOME_UPDATED);
	assert_int_equal(op.revision, 2);
	assert_int_equal(fixture->datapath.n_changes, changes);
}

static void test_clear_answers_final_counters(void **state)
{
	struct fixture *fixture = *state;
	struct match match = match_of("2001:db8::1");
	struct engine_mark mark;
	struct result op;

	set(fixture, "2001:db8::1", 5);
	fake_find(&fixture->datapath, &match)->counters = (struct traffic_count){3, 300};
	op = clear(fixture, "2001:db8::1");
	assert_int_equal(op.outcome, OUTCOME_REMOVED);
	assert_int_equal(op.revision, 2);
	assert_int_equal(op.update.counters.bytes, 300);
	assert_int_equal(op.there.action.flow_label, 5);
	assert_null(fake_find(&fixture->datapath, &match));
	assert_int_equal(engine_get(fixture->engine, &match, &mark), -ENOENT);
	assert_int_equal(engine_owner(fixture->engine, "me").marks, 0);
}

static void test_clear_is_idempotent(void **state)
{
	struct fixture *fixture = *state;
	struct result op = clear(fixture, "2001:db8::1");

	assert_int_equal(op.outcome, OUTCOME_ABSENT);
	assert_int_equal(op.revision, 0);
	set(fixture, "2001:db8::2", 1);
	assert_int_equal(clear(fixture, "2001:db8::1").revision, 1);
}

static void test_foreign_owner_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct result op;

	set(fixture, "2001:db8::1", 5);
	op = run_request(fixture, request_of(UPDATE_SET, "2001:db8::1", "you", 5));
	assert_int_equal(op.outcome, OUTCOME_NONE);
	assert_int_equal(op.fault.code, FAULT_PERMISSION_DENIED);
	assert_string_equal(op.fault.reason, FAULT_REASON_NOT_OWNER);
	assert_string_equal(op.there.owner, "me");
	assert_int_equal(op.there.revision, 1);
	op = run_request(fixture, request_of(UPDATE_CLEAR, "2001:db8::1", "you", 0));
	assert_string_equal(op.fault.reason, FAULT_REASON_NOT_OWNER);
	assert_int_equal(engine_revision(fixture->engine), 1);
}

static void test_full_table_costs_that_mark_only(void **state)
{
	struct fixture *fixture = *state;
	struct result op;

	fixture->datapath.capacity = 1;
	set(fixture, "2001:db8::1", 1);
	op = set(fixture, "2001:db8::2", 2);
	assert_int_equal(op.fault.code, FAULT_RESOURCE_EXHAUSTED);
	assert_string_equal(op.fault.reason, FAULT_REASON_TABLE_FULL);
	assert_string_equal(op.fault.message,
			    "no room in the table of marks: 1 of 1 are taken");
	assert_string_equal(op.fault.subject, "marks");
	assert_int_equal(engine_revision(fixture->engine), 1);
	assert_int_equal(set(fixture, "2001:db8::1", 3).outcome, OUTCOME_UPDATED);
	clear(fixture, "2001:db8::1");
	assert_int_equal(set(fixture, "2001:db8::2", 2).outcome, OUTCOME_CREATED);
}

static void test_kernel_error_changes_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct result op;

	fixture->datapath.error = -EPERM;
	op = set(fixture, "2001:db8::1", 1);
	assert_int_equal(op.fault.code, FAULT_INTERNAL);
	assert_int_equal(engine_revision(fixture->engine), 0);
}

/* api.md 19: the maps are put back, and nothing is answered that is not kept. */
static void test_failed_commit_is_rolled_back(void **state)
{
	struct fixture *fixture = *state;
	struct match kept = match_of("2001:db8::1"), new = match_of("2001:db8::2");
	struct engine_mark mark;
	struct result op;

	set(fixture, "2001:db8::1", 5);
	fake_find(&fixture->datapath, &kept)->counters = (struct traffic_count){3, 300};
	fixture->store->commit_error = -ENOSPC;
	op = set(fixture, "2001:db8::2", 6);
	assert_int_equal(op.fault.code, FAULT_UNAVAILABLE);
	assert_string_equal(op.fault.reason, FAULT_REASON_STORE);
	assert_null(fake_find(&fixture->datapath, &new));
	assert_int_equal(set(fixture, "2001:db8::1", 7).fault.code, FAULT_UNAVAILABLE);
	assert_int_equal(fake_find(&fixture->datapath, &kept)->action.flow_label, 5);
	assert_int_equal(clear(fixture, "2001:db8::1").fault.code, FAULT_UNAVAILABLE);
	assert_int_equal(fake_find(&fixture->datapath, &kept)->counters.bytes, 300);

	fixture->store->commit_error = 0;
	assert_int_equal(engine_get(fixture->engine, &kept, &mark), 0);
	assert_int_equal(mark.counters.bytes, 300);
	assert_int_equal(set(fixture, "2001:db8::1", 7).revision, 2);
}

static bool not_wanted(struct engine_op *op)
{
	(void)op;
	return false;
}

static void test_cancelled_before_its_turn(void **state)
{
	struct fixture *fixture = *state;
	struct request request = request_of(UPDATE_SET, "2001:db8::1", "me", 5);
	struct result op;

	request.op.wanted = not_wanted;
	op = run_request(fixture, request);
	assert_true(op.cancelled);
	assert_int_equal(op.outcome, OUTCOME_NONE);
	assert_int_equal(op.fault.code, FAULT_NONE);
	assert_int_equal(engine_revision(fixture->engine), 0);
}

static void test_effective(void **state)
{
	struct fixture *fixture = *state;
	struct match host = match_of("2001:db8::1"), other = match_of("2001:db9::1");
	struct engine_mark mark;

	set(fixture, "::/0", 1);
	set(fixture, "2001:db8::/32", 2);
	assert_int_equal(engine_effective(fixture->engine, &host, &mark), 0);
	assert_int_equal(mark.mark.action.flow_label, 2);
	set(fixture, "2001:db8::1", 3);
	assert_int_equal(engine_effective(fixture->engine, &host, &mark), 0);
	assert_int_equal(mark.mark.action.flow_label, 3);
	assert_int_equal(engine_effective(fixture->engine, &other, &mark), 0);
	assert_int_equal(mark.mark.action.flow_label, 1);
	clear(fixture, "::/0");
	assert_int_equal(engine_effective(fixture->engine, &other, &mark), -ENOENT);
}

static void test_effective_by_ports(void **state)
{
	struct fixture *fixture = *state;
	struct match_text text = {.destination = "2001:db8::1",
				  .source = "2001:db8::2",
				  .protocol = 6,
				  .source_port = 1,
				  .destination_port = 2};
	struct request request = request_of(UPDATE_SET, "2001:db8::1", "me", 9);
	struct engine_mark mark;
	struct match flow;

	assert_int_equal(match_parse(&text, &flow, NULL), 0);
	text.source = NULL;
	text.source_port = 0;
	assert_int_equal(match_parse(&text, &request.update.match, NULL), 0);
	run_request(fixture, request);
	assert_int_equal(engine_effective(fixture->engine, &flow, &mark), 0);
	assert_int_equal(mark.mark.match.kind, MARK_ENDPOINT);
	flow.destination_port = 3;
	assert_int_equal(engine_effective(fixture->engine, &flow, &mark), -ENOENT);
}

/* Eight threads set and clear; afterwards index, store and datapath agree. */
enum { THREADS = 8, ROUNDS = 500 };

struct worker {
	struct fixture *fixture;
	unsigned int number;
	pthread_t thread;
};

static void *work(void *argument)
{
	struct worker *worker = argument;
	char destination[32];

	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct result op;

		snprintf(destination, sizeof(destination), "2001:db8::%x", 1 + i % 4);
		op = set(worker->fixture, destination, worker->number);
		assert_int_not_equal(op.outcome, OUTCOME_NONE);
		if (i % 7 == worker->number % 7)
			clear(worker->fixture, destination);
	}
	return NULL;
}

struct tally {
	struct fixture *fixture;
	unsigned int marks;
};

static int check_programmed(const struct engine_mark *listed, void *user)
{
	const struct mark *mark = &listed->mark;
	struct tally *tally = user;
	struct fake_slot *slot = fake_find(&tally->fixture->datapath, &mark->match);
	struct engine_mark found;

	assert_non_null(slot);
	assert_int_equal(slot->action.flow_label, mark->action.flow_label);
	assert_int_equal(engine_get(tally->fixture->engine, &mark->match, &found), 0);
	assert_int_equal(found.mark.revision, mark->revision);
	tally->marks++;
	return 0;
}

static void test_many_callers(void **state)
{
	struct fixture *fixture = *state;
	struct tally tally = {.fixture = fixture};
	struct worker workers[THREADS];

	for (unsigned int i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.fixture = fixture, .number = i};
		pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	}
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	engine_scan(fixture->engine, 0, check_programmed, &tally);
	assert_int_equal(tally.marks, fake_slots_used(&fixture->datapath));
	assert_int_equal(engine_owner(fixture->engine, "me").marks, tally.marks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_create),
		TEST(test_equal_set_changes_nothing),
		TEST(test_update_keeps_slot_counters_and_creation),
		TEST(test_cookie_alone_leaves_the_kernel_alone),
		TEST(test_clear_answers_final_counters),
		TEST(test_clear_is_idempotent),
		TEST(test_foreign_owner_is_refused),
		TEST(test_full_table_costs_that_mark_only),
		TEST(test_kernel_error_changes_nothing),
		TEST(test_failed_commit_is_rolled_back),
		TEST(test_cancelled_before_its_turn),
		TEST(test_effective),
		TEST(test_effective_by_ports),
		TEST(test_many_callers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
