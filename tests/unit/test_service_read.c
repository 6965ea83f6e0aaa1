/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers that read marks, between an engine that the test stands in for and a call of
 * call_fixture: what they say of lifetimes, and that a store that fails is not taken for an
 * absent mark.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "call_fixture.h"
#include "core/engine.h"
#include "now.h"
#include "service/handlers.h"

/* What the engine has: marks alike but for their revisions 1..marks. */
static struct {
	int error; /* of the store; 0: none */
	unsigned marks;
	int64_t deadline;
} script;

static struct mark sample(uint64_t revision)
{
	return (struct mark){
		.match = {.destination = {0x20, 1}, .kind = MARK_HOST, .prefix_length = 128},
		.action = {.label = MARK_LABEL_RAW, .flow_label = 5},
		.lifetime = MARK_TTL,
		.ttl = 3600000000000,
		.revision = revision};
}

/* ---- the engine ---- */

int engine_get(struct engine *engine, const struct match *match, struct engine_mark *ret)
{
	(void)engine;
	(void)match;
	if (script.error)
		return script.error;
	if (!script.marks)
		return -ENOENT;
	*ret = (struct engine_mark){sample(1), script.deadline, {7, 700}};
	return 0;
}

/* The error comes after the marks, as if the next part of them could not be read. */
int engine_scan(struct engine *engine, uint64_t after,
		int (*each)(const struct engine_mark *found, void *user), void *user)
{
	(void)engine;
	for (uint64_t revision = after + 1; revision <= script.marks; revision++) {
		const struct engine_mark found = {sample(revision), script.deadline, {7, 700}};
		int r = each(&found, user);

		if (r != 0)
			return r;
	}
	return script.error;
}

/* Removes what is there at once. */
void engine_submit(struct engine *engine, struct engine_op *op)
{
	(void)engine;
	assert_int_equal(op->verb, ENGINE_APPLY);
	assert_int_equal(op->updates->verb, UPDATE_CLEAR);
	op->updates->outcome = OUTCOME_REMOVED;
	*op->there = sample(1);
	op->done(op);
}

uint64_t engine_revision(struct engine *engine)
{
	(void)engine;
	return script.marks;
}

/* ---- tests ---- */

static void get_mark(void)
{
	Waymark__V1__GetMarkRequest request = WAYMARK__V1__GET_MARK_REQUEST__INIT;
	Waymark__V1__Match match = WAYMARK__V1__MATCH__INIT;

	match.destination = (char *)"2001::";
	request.match = &match;
	handle_get_mark(NULL, &request.base);
	assert_int_equal(call_fixture.finished, 1);
}

static void list_marks(uint32_t page_size)
{
	Waymark__V1__ListMarksRequest request = WAYMARK__V1__LIST_MARKS_REQUEST__INIT;

	request.page_size = page_size;
	handle_list_marks(NULL, &request.base);
	assert_int_equal(call_fixture.finished, 1);
}

static void test_get_absent(void **state)
{
	(void)state;
	get_mark();
	assert_int_equal(call_fixture.status.code, FAULT_NOT_FOUND);
	assert_string_equal(call_fixture.status.reason, FAULT_REASON_MARK);
}

static void test_get_fails(void **state)
{
	(void)state;
	script.error = -EIO;
	get_mark();
	assert_int_equal(call_fixture.status.code, FAULT_UNAVAILABLE);
	assert_string_equal(call_fixture.status.reason, FAULT_REASON_STORE);
	assert_non_null(strstr(call_fixture.status.message, "Input/output error"));
	assert_true(call_fixture.status.retry_after_ms > 0);
}

static void test_get_without_memory(void **state)
{
	(void)state;
	script.error = -ENOMEM;
	get_mark();
	assert_int_equal(call_fixture.status.code, FAULT_RESOURCE_EXHAUSTED);
	assert_string_equal(call_fixture.status.reason, FAULT_REASON_MEMORY);
}

static void test_get_lifetime(void **state)
{
	Waymark__V1__GetMarkResponse *response;
	int64_t wall = now_on(CLOCK_REALTIME) / 1000000000;

	(void)state;
	script.marks = 1;
	script.deadline = now_on(CLOCK_BOOTTIME) + 1800 * INT64_C(1000000000);
	get_mark();
	response = (void *)call_fixture_answer(&waymark__v1__get_mark_response__descriptor);
	assert_int_equal(response->mark->ttl->seconds, 3600);
	assert_in_range(response->mark->expire_time->seconds, wall + 1800 - 60,
			wall + 1800 + 60);
	assert_int_equal(response->mark->counters->packets, 7);
	waymark__v1__get_mark_response__free_unpacked(response, NULL);
}

static void test_no_deadline(void **state)
{
	Waymark__V1__GetMarkResponse *response;

	(void)state;
	script.marks = 1;
	get_mark();
	response = (void *)call_fixture_answer(&waymark__v1__get_mark_response__descriptor);
	assert_null(response->mark->expire_time);
	waymark__v1__get_mark_response__free_unpacked(response, NULL);
}

static void test_list_fails(void **state)
{
	(void)state;
	script.marks = 2;
	script.error = -EIO;
	list_marks(10);
	assert_int_equal(call_fixture.length, 0);
	assert_int_equal(call_fixture.status.code, FAULT_UNAVAILABLE);
	assert_string_equal(call_fixture.status.reason, FAULT_REASON_STORE);
}

/* The page is full before the scan gets to where it would fail. */
static void test_list_page(void **state)
{
	Waymark__V1__ListMarksResponse *page;

	(void)state;
	script.marks = 3;
	script.error = -EIO;
	script.deadline = now_on(CLOCK_BOOTTIME) - INT64_C(5000000000);
	list_marks(2);
	page = (void *)call_fixture_answer(&waymark__v1__list_marks_response__descriptor);
	assert_int_equal(page->n_marks, 2);
	assert_string_not_equal(page->next_page_token, "");
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(page->marks[i]->ttl->seconds, 3600);
		assert_in_range(page->marks[i]->expire_time->seconds, 1,
				now_on(CLOCK_REALTIME) / 1000000000);
		assert_null(page->marks[i]->counters);
	}
	waymark__v1__list_marks_response__free_unpacked(page, NULL);
}

/* The removed mark says what its ttl was, but nothing of it expires any more. */
static void test_cleared(void **state)
{
	Waymark__V1__ClearMarkRequest request = WAYMARK__V1__CLEAR_MARK_REQUEST__INIT;
	Waymark__V1__Match match = WAYMARK__V1__MATCH__INIT;
	Waymark__V1__ClearMarkResponse *response;

	(void)state;
	match.destination = (char *)"2001::";
	request.match = &match;
	handle_clear_mark(NULL, &request.base);
	response = (void *)call_fixture_answer(&waymark__v1__clear_mark_response__descriptor);
	assert_int_equal(response->mark->ttl->seconds, 3600);
	assert_null(response->mark->expire_time);
	waymark__v1__clear_mark_response__free_unpacked(response, NULL);
}

static int reset(void **state)
{
	memset(&script, 0, sizeof(script));
	return call_fixture_reset(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_get_absent, reset),
		cmocka_unit_test_setup(test_get_fails, reset),
		cmocka_unit_test_setup(test_get_without_memory, reset),
		cmocka_unit_test_setup(test_get_lifetime, reset),
		cmocka_unit_test_setup(test_no_deadline, reset),
		cmocka_unit_test_setup(test_list_fails, reset),
		cmocka_unit_test_setup(test_list_page, reset),
		cmocka_unit_test_setup(test_cleared, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
