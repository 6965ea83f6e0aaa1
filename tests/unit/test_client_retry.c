/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <grpc/grpc.h>

#include "clients/c/clock.h"
#include "clients/c/error.h"
#include "clients/c/retry.h"

static int64_t pause_after(struct retry *retry, int code, int64_t retry_after_ms)
{
	const struct waymark_error error = {.code = code, .retry_after_ms = retry_after_ms};

	return retry_pause(retry, &error);
}

static void test_pauses_double_up_to_a_limit(void **state)
{
	static const int64_t longest[] = {100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000};
	int64_t sum = 0, most = 0;

	(void)state;
	for (int round = 0; round < 100; round++) {
		struct retry retry = {.max_attempts = RETRY_FOR_EVER};

		for (size_t i = 0; i < sizeof(longest) / sizeof(longest[0]); i++) {
			int64_t pause = pause_after(&retry, WAYMARK_UNAVAILABLE, 0);

			assert_in_range(pause, longest[i] / 2, longest[i]);
			sum += pause;
			most += longest[i];
		}
	}
	/* Random: neither always the longest nor always the shortest. */
	assert_in_range(sum, most * 6 / 10, most * 9 / 10);
}

static void test_attempts_end(void **state)
{
	struct retry retry = {.max_attempts = 3};

	(void)state;
	assert_true(pause_after(&retry, WAYMARK_UNAVAILABLE, 0) > 0);
	assert_true(pause_after(&retry, WAYMARK_CANCELLED, 5) == 5);
	assert_true(pause_after(&retry, WAYMARK_UNAVAILABLE, 0) < 0);
}

static void test_only_passing_failures(void **state)
{
	(void)state;
	for (int code = WAYMARK_CANCELLED; code <= WAYMARK_UNAUTHENTICATED; code++) {
		bool passing = code == WAYMARK_UNAVAILABLE || code == WAYMARK_CANCELLED;
		bool told = passing || code == WAYMARK_RESOURCE_EXHAUSTED;
		struct retry retry = {.max_attempts = RETRY_FOR_EVER};

		assert_int_equal(pause_after(&retry, code, 0) >= 0, passing);
		assert_int_equal(pause_after(&retry, code, 7), told ? 7 : -1);
		assert_true(pause_after(&retry, code, -1) < 0);
	}
}

static void test_wait_respects_the_deadline(void **state)
{
	const struct waymark_error error = {.code = WAYMARK_UNAVAILABLE, .retry_after_ms = 50};
	struct retry retry = {.max_attempts = RETRY_FOR_EVER};
	int64_t begin = clock_ms();

	(void)state;
	assert_false(retry_wait(&retry, &error, begin + 20));
	assert_true(retry_wait(&retry, &error, NEVER));
	assert_true(clock_ms() - begin >= 50);
}

static int64_t pushback(const char *text, size_t length)
{
	struct waymark_error error = {0};

	error_add_pushback(&error, text, length);
	return error.retry_after_ms;
}

static void test_pushback(void **state)
{
	(void)state;
	assert_int_equal(pushback("0", 1), 0);
	assert_int_equal(pushback("1500x", 4), 1500);
	assert_int_equal(pushback("2147483647", 10), 2147483647);
	assert_true(pushback("", 0) < 0);
	assert_true(pushback("-1", 2) < 0);
	assert_true(pushback("15x", 3) < 0);
	assert_true(pushback("99999999999999999999", 20) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pauses_double_up_to_a_limit),
		cmocka_unit_test(test_attempts_end),
		cmocka_unit_test(test_only_passing_failures),
		cmocka_unit_test(test_wait_respects_the_deadline),
		cmocka_unit_test(test_pushback),
	};

	int failed;

	grpc_init();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	grpc_shutdown();
	return failed;
}
