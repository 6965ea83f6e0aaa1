/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "ops/metrics_page.h"

static void check(FILE *page, char *const *text, const char *expected)
{
	assert_int_equal(fclose(page), 0);
	assert_string_equal(*text, expected);
	free(*text);
}

static void test_a_family(void **state)
{
	size_t length;
	char *text;
	FILE *page = open_memstream(&text, &length);

	(void)state;
	metrics_page_family(page, "waymark_things_total", METRICS_COUNTER, "Things.");
	metrics_page_sample(page, "waymark_things_total", NULL, 0);
	metrics_page_family(page, "waymark_level", METRICS_GAUGE, "How high.");
	check(page, &text,
	      "# HELP waymark_things_total Things.\n# TYPE waymark_things_total counter\n"
	      "waymark_things_total 0\n"
	      "# HELP waymark_level How high.\n# TYPE waymark_level gauge\n");
}

static void test_labels(void **state)
{
	const struct metrics_label labels[] = {{"one", "a b"}, {"two", ""}, {NULL, NULL}};
	size_t length;
	char *text;
	FILE *page = open_memstream(&text, &length);

	(void)state;
	metrics_page_sample(page, "x", labels, UINT64_MAX);
	check(page, &text, "x{one=\"a b\",two=\"\"} 18446744073709551615\n");
}

/* Whoever writes a registry may not write samples. */
static void test_what_a_label_may_not_say(void **state)
{
	const struct metrics_label labels[] = {
		{"l", "\"} 1\nevil 2\\"}, {"m", "\xC3\xBC\xFF\xC0\xAF"}, {NULL, NULL}};
	size_t length;
	char *text;
	FILE *page = open_memstream(&text, &length);

	(void)state;
	metrics_page_sample(page, "x", labels, 3);
	check(page, &text,
	      "x{l=\"\\\"} 1\\nevil "
	      "2\\\\\",m=\"\xC3\xBC\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"} 3\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_family),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_what_a_label_may_not_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
