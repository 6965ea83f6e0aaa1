/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Declared sets: api.md 17.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "engine_fixture.h"

static struct engine_op replacement(struct engine_update updates[], size_t n)
{
	return (struct engine_op){
		.verb = ENGINE_REPLACE, .owner = "me", .updates = updates, .n_updates = n};
}

static void test_only_the_difference(void **state)
{
	struct fixture *fixture = *state;
	struct engine_update updates[] = {
		update_of(UPDATE_SET, "2001:db8::1", 1),
		update_of(UPDATE_SET, "2001:db8::2", 22),
		update_of(UPDATE_SET, "2001:db8::4", 4),
	};
	struct engine_op op = replacement(updates, 3);

	set(fixture, "2001:db8::1", 1);
	set(fixture, "2001:db8::2", 2);
	set(fixture, "2001:db8::3", 3);
	run_request(fixture, request_of(UPDATE_SET, "2001:db8::9", "you", 9));
	run_op(fixture, &op);
	assert_int_equal(op.created, 1);
	assert_int_equal(op.updated, 1);
	assert_int_equal(op.unchanged, 1);
	assert_int_equal(op.removed, 1);
	assert_int_equal(op.failed, 0);
	assert_int_equal(op.revision, 7);
	assert_int_equal(fixture->store->records[7].removal.reason, REMOVAL_REPLACED);
	assert_int_equal(programmed(fixture, "2001:db8::2"), 22);
	assert_int_equal(programmed(fixture, "2001:db8::3"), UINT32_MAX);
	assert_int_equal(programmed(fixture, "2001:db8::9"), 9);
	assert_int_equal(engine_owner(fixture->engine, "me").marks, 3);
	run_op(fixture, &op);
	assert_int_equal(op.unchanged, 3);
	assert_int_equal(op.revision, 7);
}

static void test_removals_make_room(void **state)
{
	struct fixture *fixture = *state;
	struct engine_update updates[] = {
		update_of(UPDATE_SET, "2001:db8::3", 3),
		update_of(UPDATE_SET, "2001:db8::4", 4),
	};
	struct engine_op op = replacement(updates, 2);

	fixture->datapath.capacity = 2;
	set(fixture, "2001:db8::1", 1);
	set(fixture, "2001:db8::2", 2);
	run_op(fixture, &op);
	assert_int_equal(op.created, 2);
	assert_int_equal(op.removed, 2);
	assert_int_equal(op.failed, 0);
}

/* A bad item is counted, and the mark that is there stays. */
static void test_bad_items(void **state)
{
	struct fixture *fixture = *state;
	struct engine_update updates[] = {
		update_of(UPDATE_SET, "2001:db8::1", 11),
		update_of(UPDATE_SET, "2001:db8::9", 1),
		update_of(UPDATE_SET, "2001:db8::2", 22),
	};
	struct engine_op op = replacement(updates, 3);

	set(fixture, "2001:db8::1", 1);
	set(fixture, "2001:db8::3", 3);
	run_request(fixture, request_of(UPDATE_SET, "2001:db8::9", "you", 9));
	fault_set(engine_update_refuse(&updates[0]), FAULT_INVALID_ARGUMENT,
		  FAULT_REASON_OUT_OF_RANGE, "cookie", "too long");
	run_op(fixture, &op);
	assert_int_equal(op.failed, 2);
	assert_int_equal(op.created, 1);
	assert_int_equal(op.removed, 1);
	assert_string_equal(updates[1].fault->reason, FAULT_REASON_NOT_OWNER);
	assert_int_equal(programmed(fixture, "2001:db8::1"), 1);
	op.all_or_nothing = true;
	updates[1].fault->code = FAULT_NONE;
	run_op(fixture, &op);
	assert_string_equal(op.fault.reason, FAULT_REASON_OUT_OF_RANGE);
	assert_int_equal(op.failed_update, 0);
	engine_op_done(&op);
}

static void test_kernel_refuses_a_removal(void **state)
{
	struct fixture *fixture = *state;
	struct engine_update updates[] = {update_of(UPDATE_SET, "2001:db8::2", 2)};
	struct engine_op op = replacement(updates, 1);

	set(fixture, "2001:db8::1", 1);
	fixture->datapath.successes = 1;
	fixture->datapath.error = -EPERM;
	fixture->datapath.errors = 1;
	run_op(fixture, &op);
	assert_int_equal(op.fault.code, FAULT_INTERNAL);
	assert_int_equal(programmed(fixture, "2001:db8::1"), 1);
	assert_int_equal(programmed(fixture, "2001:db8::2"), UINT32_MAX);
	assert_int_equal(engine_revision(fixture->engine), 1);
	engine_op_done(&op);
}

static void test_quota_is_judged_on_the_end(void **state)
{
	struct fixture *fixture = *state;
	struct engine_update updates[] = {
		update_of(UPDATE_SET, "2001:db8::3", 3),
		update_of(UPDATE_SET, "2001:db8::4", 4),
		update_of(UPDATE_SET, "2001:db8::5", 5),
	};
	struct engine_op op = replacement(updates, 3);

	set(fixture, "2001:db8::1", 1);
	set(fixture, "2001:db8::2", 2);
	op.quota = 2;
	run_op(fixture, &op);
	assert_int_equal(op.created, 2);
	assert_int_equal(op.failed, 1);
	assert_string_equal(updates[2].fault->reason, FAULT_REASON_QUOTA);
	assert_int_equal(engine_owner(fixture->engine, "me").marks, 2);
	engine_op_done(&op);
}

static void test_if_owner_revision(void **state)
{
	struct fixture *fixture = *state;
	struct engine_op op = replacement(NULL, 0);

	set(fixture, "2001:db8::1", 1);
	set(fixture, "2001:db8::2", 1);
	clear(fixture, "2001:db8::1");
	run_request(fixture, request_of(UPDATE_SET, "2001:db8::9", "you", 9));
	restart(fixture);
	op.if_owner_revision = 2;
	run_op(fixture, &op);
	assert_int_equal(op.fault.code, FAULT_ABORTED);
	op.if_owner_revision = 3;
	run_op(fixture, &op);
	assert_int_equal(op.fault.code, FAULT_NONE);
	assert_int_equal(op.removed, 1);
}

static void test_validate_only(void **state)
{
	struct fixture *fixture = *state;
	struct engine_update updates[] = {update_of(UPDATE_SET, "2001:db8::2", 2)};
	struct engine_op op = replacement(updates, 1);

	set(fixture, "2001:db8::1", 1);
	op.validate_only = true;
	run_op(fixture, &op);
	assert_int_equal(op.created, 1);
	assert_int_equal(op.removed, 1);
	assert_int_equal(engine_revision(fixture->engine), 1);
	assert_int_equal(programmed(fixture, "2001:db8::1"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_only_the_difference),
		TEST(test_removals_make_room),
		TEST(test_bad_items),
		TEST(test_kernel_refuses_a_removal),
		TEST(test_quota_is_judged_on_the_end),
		TEST(test_if_owner_revision),
		TEST(test_validate_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
