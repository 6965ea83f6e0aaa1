/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "clients/cli/text.h"
#include "clients/cli/time_text.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *text, *escaped, *repaired;
} texts[] = {
	{"", "", ""},
	{"plain text", "plain text", "plain text"},
	{"J\xC3\xBCrgen \xE2\x82\xAC \xF0\x9F\x98\x80",
	 "J\xC3\xBCrgen \xE2\x82\xAC \xF0\x9F\x98\x80",
	 "J\xC3\xBCrgen \xE2\x82\xAC \xF0\x9F\x98\x80"},
	{"a\nb\tc\\d", "a\\nb\\tc\\\\d", "a\nb\tc\\d"},
	{"\x1B[31m\x7F", "\\x1b[31m\\x7f", "\x1B[31m\x7F"},
	/* The one-octet CSI of terminals, as UTF-8; text that turns around; no-width space. */
	{"\xC2\x9B", "\\u009b", "\xC2\x9B"},
	{"\xE2\x80\xAE", "\\u202e", "\xE2\x80\xAE"},
	{"\xE2\x80\x8B", "\\u200b", "\xE2\x80\x8B"},
	/* No UTF-8: stray, truncated, overlong, surrogate, too large. */
	{"\xFF", "\\xff", "\xEF\xBF\xBD"},
	{"a\x80z", "a\\x80z", "a\xEF\xBF\xBDz"},
	{"\xE2\x82", "\\xe2\\x82", "\xEF\xBF\xBD\xEF\xBF\xBD"},
	{"\xC0\xAF", "\\xc0\\xaf", "\xEF\xBF\xBD\xEF\xBF\xBD"},
	{"\xED\xA0\x80", "\\xed\\xa0\\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
	{"\xF4\x90\x80\x80", "\\xf4\\x90\\x80\\x80",
	 "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
};

static void test_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(texts); i++) {
		char *escaped = text_escape(texts[i].text);
		char *repaired = text_repair(texts[i].text);

		assert_string_equal(escaped, texts[i].escaped);
		assert_string_equal(repaired, texts[i].repaired);
		free(escaped);
		free(repaired);
	}
}

static void test_count(void **state)
{
	(void)state;
	assert_int_equal(utf8_count(""), 0);
	assert_int_equal(utf8_count("J\xC3\xBCrgen"), 6);
}

static void test_timestamps(void **state)
{
	static const struct {
		int64_t seconds;
		int32_t nanos;
		const char *text;
	} times[] = {
		{0, 0, "1970-01-01T00:00:00Z"},
		{1738318830, 500000000, "2025-01-31T10:20:30.500Z"},
		{1738318830, 1000, "2025-01-31T10:20:30.000001Z"},
		{1738318830, 1, "2025-01-31T10:20:30.000000001Z"},
		{-1, 0, "1969-12-31T23:59:59Z"},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(times); i++) {
		Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
		char text[TIME_TEXT_MAX];

		time.seconds = times[i].seconds;
		time.nanos = times[i].nanos;
		timestamp_text(&time, text);
		assert_string_equal(text, times[i].text);
	}
}

static void test_durations(void **state)
{
	static const struct {
		int64_t seconds;
		int32_t nanos;
		const char *text;
	} times[] = {
		{0, 0, "0s"},
		{3, 0, "3s"},
		{3, 1, "3.000000001s"},
		{0, 1500000, "0.001500s"},
		{-1, -500000000, "-1.500s"},
		{0, -500000000, "-0.500s"},
		{INT64_MIN, 0, "-9223372036854775808s"},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(times); i++) {
		Google__Protobuf__Duration time = GOOGLE__PROTOBUF__DURATION__INIT;
		char text[TIME_TEXT_MAX];

		time.seconds = times[i].seconds;
		time.nanos = times[i].nanos;
		duration_text(&time, text);
		assert_string_equal(text, times[i].text);
	}
}

static void test_time_left(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} times[] = {
		{INT64_MIN, "0s"},
		{-1, "0s"},
		{0, "0s"},
		{1, "1s"},
		{59, "59s"},
		{60, "1m0s"},
		{3598, "59m58s"},
		{3599, "59m59s"},
		{3600, "1h0m"},
		{86399, "23h59m"},
		{86400, "1d0h"},
		{2591999, "29d23h"},
		{INT64_MAX, "106751991167300d15h"},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(times); i++) {
		char text[TIME_TEXT_MAX];

		time_left_text(times[i].seconds, text);
		assert_string_equal(text, times[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),	   cmocka_unit_test(test_count),
		cmocka_unit_test(test_timestamps), cmocka_unit_test(test_durations),
		cmocka_unit_test(test_time_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
