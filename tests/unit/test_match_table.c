/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/match_table.h"

enum { ITEMS = 3000, TURNS = 200000 };

static bool has(const struct match_table *table, uint32_t hash, const void *item)
{
	size_t place = hash;
	const void *found;

	do
		found = match_table_next(table, hash, &place);
	while (found && found != item);
	return found;
}

static size_t count(const struct match_table *table)
{
	size_t place = 0, n = 0;

	while (match_table_each(table, &place))
		n++;
	return n;
}

/* Few hashes, many of them at the end of the table: long runs that wrap around. */
static uint32_t hash_of(size_t i)
{
	return (uint32_t)(i % 7 == 0 ? UINT32_MAX - i % 5 : i * 2654435761U >> (i % 3));
}

static void holds_what_was_added_and_not_removed(void **state)
{
	struct match_table table = {.n = 0};
	static char items[ITEMS];
	size_t n = 0;

	(void)state;
	srandom(1);
	for (int turn = 0; turn < TURNS; turn++) {
		size_t i = (size_t)random() % ITEMS;

		assert_int_equal(has(&table, hash_of(i), &items[i]), items[i]);
		if (items[i])
			match_table_remove(&table, hash_of(i), &items[i]);
		else
			assert_int_equal(match_table_add(&table, hash_of(i), &items[i]), 0);
		n += items[i] ? -1UL : 1;
		items[i] = items[i] ? 0 : 1;
	}
	assert_int_equal(count(&table), n);
	for (size_t i = 0; i < ITEMS; i++)
		assert_int_equal(has(&table, hash_of(i), &items[i]), items[i]);
	match_table_clear(&table);
	assert_int_equal(count(&table), 0);
	match_table_done(&table);
}

static void a_clear_gives_memory_back(void **state)
{
	struct match_table table = {.n = 0};
	static char items[100000];

	(void)state;
	for (size_t i = 0; i < sizeof(items); i++)
		assert_int_equal(match_table_add(&table, (uint32_t)i, &items[i]), 0);
	match_table_clear(&table);
	assert_null(table.places);
	assert_int_equal(match_table_add(&table, 1, &items[1]), 0);
	assert_true(has(&table, 1, &items[1]));
	match_table_done(&table);
}

/* A table that has been large once is not emptied place by place for ever. */
static void a_large_table_shrinks_once_little_is_in_it(void **state)
{
	struct match_table table = {.n = 0};
	static char items[10000];

	(void)state;
	for (size_t i = 0; i < sizeof(items); i++)
		assert_int_equal(match_table_add(&table, (uint32_t)i, &items[i]), 0);
	match_table_clear(&table);
	assert_non_null(table.places);
	assert_false(has(&table, 1, &items[1]));
	assert_int_equal(match_table_add(&table, 1, &items[1]), 0);
	match_table_clear(&table);
	assert_null(table.places);
}

/* Matches that differ in one bit, wherever it is, have hashes of their own. */
static void every_bit_counts(void **state)
{
	struct match match = {.destination = {0x20, 1}};
	const uint32_t hash = match_hash(&match);

	(void)state;
	assert_int_equal(match_hash(&match), hash);
	for (size_t bit = 0; bit < 8 * sizeof(match); bit++) {
		struct match other = match;

		((uint8_t *)&other)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(match_hash(&other), hash);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_what_was_added_and_not_removed),
		cmocka_unit_test(a_clear_gives_memory_back),
		cmocka_unit_test(a_large_table_shrinks_once_little_is_in_it),
		cmocka_unit_test(every_bit_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
