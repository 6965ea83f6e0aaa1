/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "clients/cli/table.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const struct column columns[] = {{"NAME", false}, {"COUNT", true}, {"NOTE", false}};

static void add_row(struct table *table, const char *name, int count, const char *note)
{
	table_cell(table, "%s", name);
	table_cell(table, "%d", count);
	table_cell(table, "%s", note);
}

/* Two pages: the second one keeps the widths of the first and only ever widens. */
static void test_pages(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct table table;

	(void)state;
	table_init(&table, out, columns, LENGTH(columns));
	add_row(&table, "J\xC3\xBCrgen", 1, "a\nb");
	add_row(&table, "", 1234567, "last column is not padded");
	table_flush(&table);
	add_row(&table, "x", 2, "");
	table_flush(&table);
	add_row(&table, "a long name", 3, "n");
	table_flush(&table);
	table_flush(&table);
	table_done(&table);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text, "NAME      COUNT  NOTE\n"
				  "J\xC3\xBCrgen        1  a\\nb\n"
				  "-       1234567  last column is not padded\n"
				  "x             2  -\n"
				  "a long name        3  n\n");
	free(text);
}

static void test_no_header(void **state)
{
	static const struct column pair[] = {{NULL, false}, {NULL, false}};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct table table;

	(void)state;
	table_init(&table, out, pair, LENGTH(pair));
	for (int i = 0; i < 200; i++) {
		table_cell(&table, "KEY");
		table_cell(&table, "%d", i % 10);
	}
	table_flush(&table);
	/* Never flushed, still freed. */
	table_cell(&table, "KEY");
	table_done(&table);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(size, 200 * sizeof("KEY  0"));
	assert_memory_equal(text, "KEY  0\nKEY  1\n", 14);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_no_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
