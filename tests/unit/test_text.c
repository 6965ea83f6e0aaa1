/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "rpc/text.h"

static void validity(void **state)
{
	static const char *const valid[] = {
		"",
		"a",
		"\x7F",
		"\xC2\x80",
		"\xDF\xBF",
		"\xE0\xA0\x80",
		"\xED\x9F\xBF",
		"\xEE\x80\x80",
		"\xEF\xBF\xBF",
		"\xF0\x90\x80\x80",
		"\xF4\x8F\xBF\xBF",
		"a\xE2\x82\xAC\x62",
	};
	static const char *const invalid[] = {
		"\x80",
		"\xC0\x80",
		"\xC1\xBF",
		"\xC2",
		"\xC2\x61",
		"\xE0\x9F\xBF",
		"\xE2\x82",
		"\xED\xA0\x80",
		"\xED\xBF\xBF",
		"\xF0\x8F\xBF\xBF",
		"\xF4\x90\x80\x80",
		"\xF5\x80\x80\x80",
		"\xF0\x90\x80",
		"\xFE",
		"\xFF",
		"a\xE2\x82\x62",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(valid) / sizeof(*valid); i++)
		assert_true(text_valid(valid[i], strlen(valid[i])));
	for (size_t i = 0; i < sizeof(invalid) / sizeof(*invalid); i++)
		assert_false(text_valid(invalid[i], strlen(invalid[i])));
}

/* Every character that there is, and every surrogate that is none. */
static void every_character(void **state)
{
	(void)state;
	for (uint32_t code = 0x800; code < 0x110000; code++) {
		unsigned char text[4];
		size_t size = code < 0x10000 ? 3 : 4;

		for (size_t i = size; i-- > 1;)
			text[i] = 0x80 | (code >> 6 * (size - 1 - i) & 0x3F);
		text[0] = size == 3 ? 0xE0 | code >> 12 : 0xF0 | code >> 18;
		assert_int_equal(text_character((const char *)text, size),
				 code >= 0xD800 && code < 0xE000 ? 0 : size);
		assert_int_equal(text_character((const char *)text, size - 1), 0);
	}
}

static void expect_clean(const char *from, size_t size, const char *expected)
{
	char to[32];

	memset(to, 'x', sizeof(to));
	assert_int_equal(text_clean(to, size, from, SIZE_MAX), strlen(expected));
	assert_string_equal(to, expected);
}

static void cleaning(void **state)
{
	(void)state;
	expect_clean("plain", 32, "plain");
	expect_clean("plain", 6, "plain");
	expect_clean("plain", 5, "plai");
	expect_clean("plain", 1, "");
	/* Cut between characters. */
	expect_clean("ab\xE2\x82\xAC", 6, "ab\xE2\x82\xAC");
	expect_clean("ab\xE2\x82\xAC", 5, "ab");
	/* Cut before us, inside a character. */
	expect_clean("ab\xE2\x82", 32, "ab");
	expect_clean("ab\xF0\x90\x80", 32, "ab");
	/* Garbage. */
	expect_clean("a\xFF"
		     "b\x80",
		     32, "a?b?");
	expect_clean("\xE2\x82"
		     "b",
		     32, "??b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(validity),
		cmocka_unit_test(every_character),
		cmocka_unit_test(cleaning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
