/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "core/fault.h"

static void test_set_fills_every_fact(void **state)
{
	struct fault fault;

	(void)state;
	assert_int_equal(
		fault_set(&fault, FAULT_NOT_FOUND, FAULT_REASON_MARK, "match", "no mark %d", 7),
		-EINVAL);
	assert_int_equal(fault.code, FAULT_NOT_FOUND);
	assert_string_equal(fault.reason, "MARK");
	assert_string_equal(fault.field, "match");
	assert_string_equal(fault.message, "no mark 7");
}

static void test_set_without_field(void **state)
{
	struct fault fault;

	(void)state;
	fault_invalid(&fault, FAULT_REASON_STORE, NULL, "x");
	assert_int_equal(fault.code, FAULT_INVALID_ARGUMENT);
	assert_string_equal(fault.field, "");
}

static void test_nobody_listens(void **state)
{
	(void)state;
	assert_int_equal(fault_invalid(NULL, FAULT_REASON_STORE, "a", "x"), -EINVAL);
	fault_prefix(NULL, "a");
}

static void test_prefix_builds_paths(void **state)
{
	struct fault fault;

	(void)state;
	fault_invalid(&fault, FAULT_REASON_MISSING_FIELD, NULL, "x");
	fault_prefix(&fault, "mark");
	assert_string_equal(fault.field, "mark");
	fault_prefix(&fault, "updates[17]");
	assert_string_equal(fault.field, "updates[17].mark");
}

/* However the cut falls, the message stays valid UTF-8. */
static void test_long_message_ends_between_characters(void **state)
{
	struct fault fault;
	char text[400];

	(void)state;
	for (size_t shift = 0; shift < 3; shift++) {
		size_t length;

		memset(text, 'a', shift);
		for (size_t i = shift; i + 3 < sizeof(text); i += 3)
			memcpy(text + i, "\xE2\x82\xAC", 4); /* U+20AC */
		fault_invalid(&fault, FAULT_REASON_UNKNOWN_NAME, "experiment", "%s", text);
		length = strlen(fault.message);
		assert_in_range(length, sizeof(fault.message) - 3, sizeof(fault.message) - 1);
		assert_string_equal(fault.message + length - 3, "...");
		assert_int_equal((length - 3 - shift) % 3, 0);
		assert_memory_equal(fault.message, text, length - 3);
	}
}

static void test_longest_message_is_kept_whole(void **state)
{
	struct fault fault;
	char text[sizeof(fault.message)];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	fault_invalid(&fault, FAULT_REASON_UNKNOWN_NAME, "experiment", "%s", text);
	assert_string_equal(fault.message, text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_fills_every_fact),
		cmocka_unit_test(test_set_without_field),
		cmocka_unit_test(test_nobody_listens),
		cmocka_unit_test(test_prefix_builds_paths),
		cmocka_unit_test(test_long_message_ends_between_characters),
		cmocka_unit_test(test_longest_message_is_kept_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
