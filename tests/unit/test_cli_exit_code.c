/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "clients/cli/exit_code.h"
#include "waymark/client.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static void test_exit_codes(void **state)
{
	static const int expected[] = {
		[WAYMARK_OK] = 0,
		[WAYMARK_CANCELLED] = 7,
		[WAYMARK_UNKNOWN] = 1,
		[WAYMARK_INVALID_ARGUMENT] = 2,
		[WAYMARK_DEADLINE_EXCEEDED] = 7,
		[WAYMARK_NOT_FOUND] = 3,
		[WAYMARK_ALREADY_EXISTS] = 5,
		[WAYMARK_PERMISSION_DENIED] = 4,
		[WAYMARK_RESOURCE_EXHAUSTED] = 6,
		[WAYMARK_FAILED_PRECONDITION] = 5,
		[WAYMARK_ABORTED] = 5,
		[WAYMARK_OUT_OF_RANGE] = 2,
		[WAYMARK_UNIMPLEMENTED] = 8,
		[WAYMARK_INTERNAL] = 1,
		[WAYMARK_UNAVAILABLE] = 7,
		[WAYMARK_DATA_LOSS] = 1,
		[WAYMARK_UNAUTHENTICATED] = 4,
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(expected); i++)
		assert_int_equal(exit_code_of((int)i), expected[i]);
	assert_int_equal(exit_code_of(17), EXIT_INTERNAL);
	assert_int_equal(exit_code_of(-1), EXIT_INTERNAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exit_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
