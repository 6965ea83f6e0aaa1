/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SetMark, ClearMark and ApplyMarks: what they ask of the engine, and what they make of its
 * answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "call_fixture.h"
#include "core/engine.h"
#include "now.h"
#include "service/handlers.h"

/* What the engine shall do with the next operation. */
static void (*act)(struct engine_op *op);
static struct engine_op seen;
static struct engine_update seen_updates[8];
static char seen_owner[MARK_OWNER_MAX + 1];

void engine_submit(struct engine *engine, struct engine_op *op)
{
	(void)engine;
	seen = *op;
	snprintf(seen_owner, sizeof(seen_owner), "%s", op->owner);
	for (size_t i = 0; i < op->n_updates && i < 8; i++)
		seen_updates[i] = op->updates[i];
	assert_int_equal(call_fixture.references, 1);
	if (!op->wanted(op))
		op->cancelled = true;
	else if (act)
		act(op);
	op->done(op);
	assert_int_equal(call_fixture.references, 0);
}

static int reset(void **state)
{
	act = NULL;
	memset(&seen, 0, sizeof(seen));
	return call_fixture_reset(state);
}

/* ---- requests ---- */

/* A SetMark, a ClearMark and an ApplyMarks with one update of each. */
struct requests {
	Waymark__V1__Match match;
	Waymark__V1__Mark mark;
	Waymark__V1__Precondition precondition;
	Waymark__V1__WriteOptions options;
	Waymark__V1__SetMarkRequest set;
	Waymark__V1__ClearMarkRequest clear;
	Waymark__V1__MarkUpdate updates[2], *list[2];
	Waymark__V1__ApplyMarksRequest apply;
};

static void init_requests(struct requests *r)
{
	waymark__v1__match__init(&r->match);
	waymark__v1__mark__init(&r->mark);
	waymark__v1__precondition__init(&r->precondition);
	waymark__v1__write_options__init(&r->options);
	waymark__v1__set_mark_request__init(&r->set);
	waymark__v1__clear_mark_request__init(&r->clear);
	waymark__v1__apply_marks_request__init(&r->apply);
	r->match.destination = (char *)"2001:db8::1";
	r->mark.match = &r->match;
	r->mark.label_case = WAYMARK__V1__MARK__LABEL_FLOW_LABEL;
	r->mark.flow_label = 5;
	r->mark.cookie = (char *)"job 7";
	r->set.mark = &r->mark;
	r->clear.match = &r->match;
	for (size_t i = 0; i < 2; i++) {
		waymark__v1__mark_update__init(&r->updates[i]);
		r->list[i] = &r->updates[i];
	}
	r->updates[0].update_case = WAYMARK__V1__MARK_UPDATE__UPDATE_SET;
	r->updates[0].set = &r->mark;
	r->updates[1].update_case = WAYMARK__V1__MARK_UPDATE__UPDATE_CLEAR;
	r->updates[1].clear = &r->match;
	r->apply.updates = r->list;
	r->apply.n_updates = 2;
	r->set.options = r->clear.options = r->apply.options = &r->options;
}

/* ---- what the engine is asked ---- */

static void test_set_asks(void **state)
{
	struct requests r;

	(void)state;
	init_requests(&r);
	r.set.precondition = &r.precondition;
	r.precondition.if_revision = 9;
	r.options.election_id = 4;
	r.options.validate_only = true;
	handle_set_mark(NULL, &r.set.base);
	assert_int_equal(seen.verb, ENGINE_APPLY);
	assert_true(seen.all_or_nothing && seen.validate_only && seen.is_admin);
	assert_false(seen.for_other);
	assert_int_equal(seen.election_id, 4);
	assert_string_equal(seen_owner, "unix:uid=0");
	assert_int_equal(seen.n_updates, 1);
	assert_int_equal(seen_updates[0].verb, UPDATE_SET);
	assert_int_equal(seen_updates[0].if_revision, 9);
	assert_int_equal(seen_updates[0].action.flow_label, 5);
}

static void test_for_another_owner(void **state)
{
	struct requests r;

	(void)state;
	init_requests(&r);
	r.options.owner = (char *)"rucio";
	handle_clear_mark(NULL, &r.clear.base);
	assert_string_equal(seen_owner, "rucio");
	assert_true(seen.for_other);
	reset(state);
	r.options.owner = (char *)"unix:uid=0"; /* the caller's own */
	handle_clear_mark(NULL, &r.clear.base);
	assert_false(seen.for_other);
}

static void test_another_owner_is_for_admins(void **state)
{
	struct requests r;

	(void)state;
	init_requests(&r);
	strcpy(call_fixture.peer.identity, "dns:ctl.example.org");
	r.options.owner = (char *)"rucio";
	handle_set_mark(NULL, &r.set.base);
	call_fixture_refused(FAULT_PERMISSION_DENIED, "NO_ACCESS", "options.owner");
	assert_non_null(strstr(call_fixture.status.message, "rucio"));
	assert_int_equal(seen.n_updates, 0);
}

static void test_long_owner(void **state)
{
	char owner[MARK_OWNER_MAX + 2];
	struct requests r;

	(void)state;
	init_requests(&r);
	memset(owner, 'x', sizeof(owner));
	owner[MARK_OWNER_MAX + 1] = '\0';
	r.options.owner = owner;
	handle_apply_marks(NULL, &r.apply.base);
	call_fixture_refused(FAULT_INVALID_ARGUMENT, "OUT_OF_RANGE", "options.owner");
	reset(state);
	owner[MARK_OWNER_MAX] = '\0';
	handle_apply_marks(NULL, &r.apply.base);
	assert_string_equal(seen_owner, owner);
}

static void test_cancelled(void **state)
{
	struct requests r;

	(void)state;
	init_requests(&r);
	call_fixture.cancelled = true;
	handle_set_mark(NULL, &r.set.base);
	call_fixture_refused(FAULT_ABORTED, "CANCELLED", "");
}

static void expect_busy(void)
{
	call_fixture_refused(FAULT_RESOURCE_EXHAUSTED, "BUSY", "");
	assert_int_equal(call_fixture.status.retry_after_ms, SERVICE_BUSY_RETRY_MS);
	assert_int_equal(seen.n_updates, 0);
}

static void test_busy(void **state)
{
	struct requests r;

	(void)state;
	init_requests(&r);
	call_fixture.service.queued = SERVICE_QUEUE_OPERATIONS;
	handle_set_mark(NULL, &r.set.base);
	expect_busy();
	reset(state);
	call_fixture.service.queued_octets = SERVICE_QUEUE_OCTETS;
	handle_apply_marks(NULL, &r.apply.base);
	expect_busy();
}

static size_t octets_in_queue;

static void look_at_queue(struct engine_op *op)
{
	(void)op;
	assert_int_equal(call_fixture.service.queued, SERVICE_QUEUE_OPERATIONS);
	octets_in_queue = call_fixture.service.queued_octets;
}

/* The last place is one, and is free again afterwards. */
static void test_counts_what_waits(void **state)
{
	struct requests r;

	(void)state;
	init_requests(&r);
	call_fixture.service.queued = SERVICE_QUEUE_OPERATIONS - 1;
	act = look_at_queue;
	handle_apply_marks(NULL, &r.apply.base);
	assert_int_equal(seen.n_updates, 2);
	assert_true(octets_in_queue > 2 * sizeof(struct engine_update));
	assert_int_equal(call_fixture.service.queued, SERVICE_QUEUE_OPERATIONS - 1);
	assert_int_equal(call_fixture.service.queued_octets, 0);
}

/* ---- refusals of the engine ---- */

static void find_foreign(struct engine_op *op)
{
	fault_set(engine_update_refuse(&op->updates[op->failed_update]),
		  FAULT_PERMISSION_DENIED, FAULT_REASON_NOT_OWNER, NULL, "of another");
	op->fault = *op->updates[op->failed_update].fault;
	*op->there = (struct mark){.match = op->updates[op->failed_update].match,
				   .owner = "rucio",
				   .cookie = "job 8",
				   .revision = 12};
	op->there_deadline = now_on(CLOCK_BOOTTIME) + 3600 * NANOSECONDS;
}

static const char *metadata(const char *key)
{
	for (size_t i = 0; i < RPC_STATUS_METADATA && call_fixture.status.metadata[i].key; i++)
		if (strcmp(call_fixture.status.metadata[i].key, key) == 0)
			return call_fixture.status.metadata[i].value;
	return "";
}

static void test_says_what_is_there(void **state)
{
	int64_t at = now_on(CLOCK_REALTIME) / NANOSECONDS + 3600;
	struct requests r;
	struct tm utc = {.tm_sec = 0};

	(void)state;
	init_requests(&r);
	act = find_foreign;
	handle_set_mark(NULL, &r.set.base);
	call_fixture_refused(FAULT_PERMISSION_DENIED, "NOT_OWNER", "");
	assert_string_equal(metadata("owner"), "rucio");
	assert_string_equal(metadata("revision"), "12");
	assert_string_equal(metadata("cookie"), "job 8");
	assert_non_null(strptime(metadata("expire_time"), "%Y-%m-%dT%H:%M:%S", &utc));
	assert_in_range(timegm(&utc), at - 60, at + 60);
}

/* A fault of the operation as a whole is no update's, whatever was removed before. */
static void fail_store(struct engine_op *op)
{
	fault_set(&op->fault, FAULT_UNAVAILABLE, FAULT_REASON_STORE, NULL, "disk");
	*op->there = (struct mark){.revision = 12};
}

static void test_store_fails(void **state)
{
	struct requests r;

	(void)state;
	init_requests(&r);
	r.apply.atomicity = WAYMARK__V1__ATOMICITY__ATOMICITY_ALL_OR_NOTHING;
	act = fail_store;
	handle_apply_marks(NULL, &r.apply.base);
	call_fixture_refused(FAULT_UNAVAILABLE, "STORE", "");
	assert_true(call_fixture.status.retry_after_ms > 0);
	assert_null(call_fixture.status.metadata[0].key);
}

static void find_no_lease(struct engine_op *op)
{
	fault_set(engine_update_refuse(&op->updates[0]), FAULT_NOT_FOUND, FAULT_REASON_LEASE,
		  "lease_id", "no lease");
	if (op->all_or_nothing)
		op->fault = *op->updates[0].fault;
	op->failed = 1;
}

static void test_place_of_the_lease(void **state)
{
	struct requests r;
	Waymark__V1__ApplyMarksResponse *response;

	init_requests(&r);
	act = find_no_lease;
	handle_set_mark(NULL, &r.set.base);
	call_fixture_refused(FAULT_NOT_FOUND, "LEASE", "mark.lease_id");
	reset(state);
	act = find_no_lease;
	r.apply.atomicity = WAYMARK__V1__ATOMICITY__ATOMICITY_ALL_OR_NOTHING;
	handle_apply_marks(NULL, &r.apply.base);
	call_fixture_refused(FAULT_NOT_FOUND, "LEASE", "updates[0].set.lease_id");
	reset(state);
	act = find_no_lease;
	r.apply.atomicity = WAYMARK__V1__ATOMICITY__ATOMICITY_CONTINUE_ON_ERROR;
	handle_apply_marks(NULL, &r.apply.base);
	response = (void *)call_fixture_answer(&waymark__v1__apply_marks_response__descriptor);
	assert_string_equal(response->results[0]->error->field, "set.lease_id");
	waymark__v1__apply_marks_response__free_unpacked(response, NULL);
}

/* ---- batches ---- */

static void carry_out(struct engine_op *op)
{
	op->updates[0].outcome = OUTCOME_CREATED;
	op->updates[0].revision = 21;
	op->updates[1].outcome = OUTCOME_REMOVED;
	op->updates[1].revision = 22;
	op->updates[1].counters = (struct traffic_count){3, 300};
	op->revision = 22;
	for (size_t i = 0; i < op->n_updates; i++)
		op->failed += op->updates[i].fault != NULL;
}

static void test_results(void **state)
{
	Waymark__V1__ApplyMarksResponse *response;
	struct requests r;

	(void)state;
	init_requests(&r);
	act = carry_out;
	handle_apply_marks(NULL, &r.apply.base);
	assert_false(seen.all_or_nothing);
	response = (void *)call_fixture_answer(&waymark__v1__apply_marks_response__descriptor);
	assert_int_equal(response->header->revision, 22);
	assert_int_equal(response->failed, 0);
	assert_int_equal(response->n_results, 2);
	assert_int_equal(response->results[0]->outcome, WAYMARK__V1__OUTCOME__OUTCOME_CREATED);
	assert_int_equal(response->results[0]->revision, 21);
	assert_null(response->results[0]->final_counters);
	assert_int_equal(response->results[1]->index, 1);
	assert_int_equal(response->results[1]->final_counters->bytes, 300);
	waymark__v1__apply_marks_response__free_unpacked(response, NULL);
}

static void test_bad_update_is_a_result(void **state)
{
	Waymark__V1__ApplyMarksResponse *response;
	struct requests r;

	(void)state;
	init_requests(&r);
	r.mark.flow_label = 0x100000;
	r.apply.only_failures = true;
	act = carry_out;
	handle_apply_marks(NULL, &r.apply.base);
	response = (void *)call_fixture_answer(&waymark__v1__apply_marks_response__descriptor);
	assert_int_equal(response->failed, 1);
	assert_int_equal(response->n_results, 1);
	assert_int_equal(response->results[0]->index, 0);
	assert_int_equal(response->results[0]->error->code, FAULT_INVALID_ARGUMENT);
	assert_string_equal(response->results[0]->error->field, "set.flow_label");
	assert_string_equal(response->results[0]->error->reason, "OUT_OF_RANGE");
	waymark__v1__apply_marks_response__free_unpacked(response, NULL);
}

static void test_bad_update_fails_the_call(void **state)
{
	Waymark__V1__Match bad = WAYMARK__V1__MATCH__INIT;
	struct requests r;

	(void)state;
	init_requests(&r);
	bad.destination = (char *)"10.0.0.1";
	r.updates[1].clear = &bad;
	r.apply.atomicity = WAYMARK__V1__ATOMICITY__ATOMICITY_ALL_OR_NOTHING;
	handle_apply_marks(NULL, &r.apply.base);
	call_fixture_refused(FAULT_INVALID_ARGUMENT, "IPV4_UNSUPPORTED",
			     "updates[1].clear.destination");
	assert_int_equal(seen.n_updates, 0);
}

static void test_update_of_nothing(void **state)
{
	struct requests r;

	(void)state;
	init_requests(&r);
	r.updates[1].update_case = WAYMARK__V1__MARK_UPDATE__UPDATE__NOT_SET;
	r.apply.atomicity = WAYMARK__V1__ATOMICITY__ATOMICITY_ALL_OR_NOTHING;
	handle_apply_marks(NULL, &r.apply.base);
	call_fixture_refused(FAULT_INVALID_ARGUMENT, "MISSING_FIELD", "updates[1]");
}

static void test_too_many_updates(void **state)
{
	static Waymark__V1__MarkUpdate *list[SERVICE_UPDATES_MAX + 1];
	struct requests r;

	(void)state;
	init_requests(&r);
	for (size_t i = 0; i <= SERVICE_UPDATES_MAX; i++)
		list[i] = &r.updates[1];
	r.apply.updates = list;
	r.apply.n_updates = SERVICE_UPDATES_MAX + 1;
	handle_apply_marks(NULL, &r.apply.base);
	call_fixture_refused(FAULT_INVALID_ARGUMENT, "OUT_OF_RANGE", "updates");
	reset(state);
	r.apply.n_updates = SERVICE_UPDATES_MAX;
	r.apply.only_failures = true;
	handle_apply_marks(NULL, &r.apply.base);
	assert_int_equal(seen.n_updates, SERVICE_UPDATES_MAX);
}

/* The take-over call. */
static void test_no_updates(void **state)
{
	Waymark__V1__ApplyMarksResponse *response;
	struct requests r;

	(void)state;
	init_requests(&r);
	r.apply.n_updates = 0;
	r.options.election_id = 8;
	handle_apply_marks(NULL, &r.apply.base);
	assert_int_equal(seen.election_id, 8);
	response = (void *)call_fixture_answer(&waymark__v1__apply_marks_response__descriptor);
	assert_int_equal(response->n_results, 0);
	waymark__v1__apply_marks_response__free_unpacked(response, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_set_asks, reset),
		cmocka_unit_test_setup(test_for_another_owner, reset),
		cmocka_unit_test_setup(test_another_owner_is_for_admins, reset),
		cmocka_unit_test_setup(test_long_owner, reset),
		cmocka_unit_test_setup(test_cancelled, reset),
		cmocka_unit_test_setup(test_busy, reset),
		cmocka_unit_test_setup(test_counts_what_waits, reset),
		cmocka_unit_test_setup(test_says_what_is_there, reset),
		cmocka_unit_test_setup(test_store_fails, reset),
		cmocka_unit_test_setup(test_place_of_the_lease, reset),
		cmocka_unit_test_setup(test_results, reset),
		cmocka_unit_test_setup(test_bad_update_is_a_result, reset),
		cmocka_unit_test_setup(test_bad_update_fails_the_call, reset),
		cmocka_unit_test_setup(test_update_of_nothing, reset),
		cmocka_unit_test_setup(test_too_many_updates, reset),
		cmocka_unit_test_setup(test_no_updates, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
