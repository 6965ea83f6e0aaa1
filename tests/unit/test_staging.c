/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "call_fixture.h"
#include "core/engine.h"
#include "service/staging.h"

static atomic_size_t used;

static struct engine_update update_of(uint32_t n, const char *cookie)
{
	struct engine_update update = {
		.verb = UPDATE_SET,
		.match = {.kind = MARK_HOST, .prefix_length = 128, .destination = {0x20, 1}},
		.action = {.label = MARK_LABEL_RAW, .flow_label = n & 0xFFFFF},
		.cookie = cookie};

	memcpy(update.match.destination + 12, &n, sizeof(n));
	return update;
}

static int add(struct staging *staging, uint32_t n, const char *cookie)
{
	struct engine_update update = update_of(n, cookie);

	return staging_add(staging, &update, NULL);
}

static void discard(struct staging *staging)
{
	engine_op_done(
		&(struct engine_op){.updates = staging->updates, .n_updates = staging->n});
	staging_done(staging);
	assert_int_equal(used, 0);
}

static void test_keeps_what_was_declared(void **state)
{
	struct staging staging;
	char cookie[16];

	(void)state;
	staging_init(&staging, 100000, &used, SIZE_MAX);
	for (uint32_t n = 0; n < 10000; n++) {
		snprintf(cookie, sizeof(cookie), "job %u", n / 3);
		assert_int_equal(add(&staging, n, cookie), 0);
	}
	assert_int_equal(staging.n, 10000);
	for (uint32_t n = 0; n < 10000; n++) {
		struct engine_update expected = update_of(n, "");

		snprintf(cookie, sizeof(cookie), "job %u", n / 3);
		assert_memory_equal(&staging.updates[n].match, &expected.match,
				    sizeof(expected.match));
		assert_string_equal(staging.updates[n].cookie, cookie);
		assert_null(staging.updates[n].fault);
	}
	discard(&staging);
}

static void test_repeated_match(void **state)
{
	struct staging staging;

	(void)state;
	staging_init(&staging, 100000, &used, SIZE_MAX);
	for (uint32_t n = 0; n < 5000; n++)
		assert_int_equal(add(&staging, n, ""), 0);
	for (uint32_t n = 0; n < 5000; n++)
		assert_int_equal(add(&staging, n, "another"), -EEXIST);
	assert_int_equal(staging.n, 5000);
	discard(&staging);
}

static void test_no_more_than_the_tables_take(void **state)
{
	struct staging staging;

	(void)state;
	staging_init(&staging, 3, &used, SIZE_MAX);
	for (uint32_t n = 0; n < 3; n++)
		assert_int_equal(add(&staging, n, ""), 0);
	assert_int_equal(add(&staging, 3, ""), -ENOSPC);
	assert_int_equal(add(&staging, 2, ""), -EEXIST);
	assert_int_equal(staging.n, 3);
	discard(&staging);
}

static void test_keeps_refusals(void **state)
{
	struct engine_update update = update_of(1, "");
	struct staging staging;
	struct fault fault;

	(void)state;
	staging_init(&staging, 3, &used, SIZE_MAX);
	fault_set(&fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_OUT_OF_RANGE, "dscp", "64");
	assert_int_equal(staging_add(&staging, &update, &fault), 0);
	fault_set(&fault, FAULT_INTERNAL, "", NULL, "overwritten");
	assert_string_equal(staging.updates[0].fault->field, "dscp");
	assert_int_equal(add(&staging, 1, ""), -EEXIST);
	discard(&staging);
}

/* All share one budget; what one gives back another can have. */
static void test_budget(void **state)
{
	const size_t budget = 1 << 20;
	struct staging one, other;
	uint32_t n = 0;

	(void)state;
	staging_init(&one, 100000, &used, budget);
	staging_init(&other, 100000, &used, budget);
	while (add(&one, n, "") == 0)
		n++;
	assert_in_range(n, 3000, budget / sizeof(struct engine_update));
	assert_in_range(used, budget / 2, budget);
	for (n = 0; add(&other, n, "") == 0;)
		n++;
	assert_true(n < 1000);
	staging_done(&other);
	discard(&one);
	staging_init(&other, 100000, &used, budget);
	for (n = 0; n < 3000; n++)
		assert_int_equal(add(&other, n, ""), 0);
	discard(&other);
}

/* The tables full of the worst that can be said: every mark refused, with the longest cookie,
 * each another one. */
static void test_budget_is_enough(void **state)
{
	const size_t marks = 20000, budget = marks * STAGING_OCTETS_PER_MARK;
	struct staging staging;
	struct fault fault;
	char cookie[MARK_COOKIE_MAX + 1];

	(void)state;
	fault_set(&fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_OUT_OF_RANGE, "dscp", "64");
	staging_init(&staging, marks, &used, budget);
	for (uint32_t n = 0; n < marks; n++) {
		struct engine_update update = update_of(n, cookie);

		snprintf(cookie, sizeof(cookie), "%0*u", MARK_COOKIE_MAX, n);
		assert_int_equal(staging_add(&staging, &update, &fault), 0);
	}
	discard(&staging);
}

/* A million marks without cookies: the size of an update, and a little for the set. */
static void test_octets_for_a_million(void **state)
{
	struct staging staging;

	(void)state;
	staging_init(&staging, 1000000, &used, SIZE_MAX);
	for (uint32_t n = 0; n < 1000000; n++)
		assert_int_equal(add(&staging, n, "one cookie"), 0);
	print_message("%zu octets a mark\n", staging.charged / staging.n);
	assert_true(staging.charged / staging.n <= sizeof(struct engine_update) + 16);
	discard(&staging);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keeps_what_was_declared),
		cmocka_unit_test(test_repeated_match),
		cmocka_unit_test(test_no_more_than_the_tables_take),
		cmocka_unit_test(test_keeps_refusals),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_budget_is_enough),
		cmocka_unit_test(test_octets_for_a_million),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
