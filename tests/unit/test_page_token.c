/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "service/page_token.h"

static void test_round_trip(void **state)
{
	struct page_token token = {.filter = 0x0123456789ABCDEF, .position = 42}, back;
	char text[PAGE_TOKEN_TEXT_SIZE];

	(void)state;
	memset(token.state_id, 0xA5, sizeof(token.state_id));
	page_token_write(&token, text);
	assert_int_equal(strlen(text), PAGE_TOKEN_TEXT_SIZE - 1);
	assert_int_equal(page_token_read(text, &back), 0);
	assert_memory_equal(&token, &back, sizeof(token));
}

/* Every token with one character changed to something that is not a hex digit, and every
 * shortened one, is refused. */
static void test_damaged(void **state)
{
	struct page_token token = {.position = 1}, back = {.position = 7};
	char text[PAGE_TOKEN_TEXT_SIZE + 1];

	(void)state;
	for (size_t i = 0; i < PAGE_TOKEN_TEXT_SIZE - 1; i++) {
		page_token_write(&token, text);
		text[i] = 'g';
		assert_int_equal(page_token_read(text, &back), -EINVAL);
		text[i] = '\0';
		assert_int_equal(page_token_read(text, &back), -EINVAL);
	}
	page_token_write(&token, text);
	memcpy(text + PAGE_TOKEN_TEXT_SIZE - 1, "0", 2);
	assert_int_equal(page_token_read(text, &back), -EINVAL);
	assert_int_equal(back.position, 7);
}

static void test_other_version(void **state)
{
	struct page_token token = {.position = 1}, back;
	char text[PAGE_TOKEN_TEXT_SIZE];

	(void)state;
	page_token_write(&token, text);
	text[1] = '2';
	assert_int_equal(page_token_read(text, &back), -EINVAL);
}

static void test_resume(void **state)
{
	const struct page_token made = {.state_id = {1}, .filter = 5, .position = 42};
	struct page_token expected = made;
	char text[PAGE_TOKEN_TEXT_SIZE];
	struct fault fault;
	uint64_t after = 7;

	(void)state;
	page_token_write(&made, text);
	assert_int_equal(page_token_resume("", &expected, &after, &fault), 0);
	assert_int_equal(after, 7);
	assert_int_equal(page_token_resume("no token", &expected, &after, &fault), -EINVAL);
	assert_string_equal(fault.reason, FAULT_REASON_PAGE_TOKEN);
	expected.filter = 6;
	assert_int_equal(page_token_resume(text, &expected, &after, &fault), -EINVAL);
	expected = made;
	expected.state_id[15] = 1;
	assert_int_equal(page_token_resume(text, &expected, &after, &fault), -EINVAL);
	assert_string_equal(fault.field, "page_token");
	assert_int_equal(after, 7);
	assert_int_equal(page_token_resume(text, &made, &after, &fault), 0);
	assert_int_equal(after, 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resume),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_other_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
