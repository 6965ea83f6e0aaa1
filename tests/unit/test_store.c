/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/store.h"

static int open_store(void **state)
{
	struct store *store;

	assert_int_equal(store_open(&store), 0);
	*state = store;
	return 0;
}

static int close_store(void **state)
{
	store_close(*state);
	return 0;
}

static struct mark mark_at(uint64_t revision)
{
	struct mark mark = {.revision = revision};

	snprintf(mark.cookie, sizeof(mark.cookie), "cookie %lu", (unsigned long)revision);
	return mark;
}

static void put(struct store *store, uint64_t revision, uint64_t supersedes)
{
	struct mark mark = mark_at(revision);

	assert_int_equal(store_put(store, &mark, supersedes), 0);
}

/* Revisions that a scan from `after` finds, as text: "3 5 ". */
static int append(const struct mark *mark, void *user)
{
	char *text = user;

	sprintf(text + strlen(text), "%lu ", (unsigned long)mark->revision);
	return 0;
}

static void expect_scan(struct store *store, uint64_t after, const char *expected)
{
	char text[256] = "";

	assert_int_equal(store_scan(store, after, append, text), 0);
	assert_string_equal(text, expected);
}

static void test_empty(void **state)
{
	struct mark mark;

	assert_int_equal(store_revision(*state), 0);
	assert_int_equal(store_get(*state, 1, &mark), -ENOENT);
	expect_scan(*state, 0, "");
}

static void test_commit_shows_all_at_once(void **state)
{
	struct store *store = *state;
	struct mark mark;

	assert_int_equal(store_begin(store), 0);
	put(store, 1, 0);
	put(store, 2, 0);
	expect_scan(store, 0, "");
	assert_int_equal(store_commit(store), 0);
	expect_scan(store, 0, "1 2 ");
	assert_int_equal(store_revision(store), 2);
	assert_int_equal(store_get(store, 2, &mark), 0);
	assert_string_equal(mark.cookie, "cookie 2");
}

static void test_abort_keeps_nothing(void **state)
{
	struct store *store = *state;

	store_begin(store);
	put(store, 1, 0);
	store_abort(store);
	assert_int_equal(store_begin(store), 0);
	assert_int_equal(store_commit(store), 0);
	expect_scan(store, 0, "");
	assert_int_equal(store_revision(store), 0);
}

static void test_update_moves_to_the_end(void **state)
{
	struct store *store = *state;
	struct mark mark;

	store_begin(store);
	put(store, 1, 0);
	put(store, 2, 0);
	put(store, 3, 1);
	store_commit(store);
	expect_scan(store, 0, "2 3 ");
	expect_scan(store, 2, "3 ");
	assert_int_equal(store_get(store, 1, &mark), -ENOENT);
}

static void test_removal_takes_a_revision(void **state)
{
	struct store *store = *state;

	store_begin(store);
	put(store, 1, 0);
	put(store, 2, 0);
	store_commit(store);
	store_begin(store);
	assert_int_equal(store_remove(store, 3, 1), 0);
	store_commit(store);
	expect_scan(store, 0, "2 ");
	assert_int_equal(store_revision(store), 3);
}

static int stop_at_two(const struct mark *mark, void *user)
{
	(void)user;
	return mark->revision == 2 ? 42 : 0;
}

static void test_scan_stops_when_told(void **state)
{
	struct store *store = *state;

	store_begin(store);
	put(store, 1, 0);
	put(store, 2, 0);
	put(store, 3, 0);
	store_commit(store);
	assert_int_equal(store_scan(store, 0, stop_at_two, NULL), 42);
}

/* Ten marks updated in turn a thousand times: gaps are closed, nothing is lost. */
static void test_churn(void **state)
{
	struct store *store = *state;
	uint64_t revision = 0, current[10] = {0};
	char expected[256] = "";

	for (int i = 0; i < 10000; i++) {
		store_begin(store);
		put(store, ++revision, current[i % 10]);
		current[i % 10] = revision;
		assert_int_equal(store_commit(store), 0);
	}
	for (int i = 0; i < 10; i++)
		sprintf(expected + strlen(expected), "%lu ", (unsigned long)current[i]);
	expect_scan(store, 0, expected);
}

static void test_state_ids_differ(void **state)
{
	uint8_t first[STORE_STATE_ID_SIZE], second[STORE_STATE_ID_SIZE];
	struct store *other;

	store_state_id(*state, first);
	assert_int_equal(store_open(&other), 0);
	store_state_id(other, second);
	store_close(other);
	assert_memory_not_equal(first, second, sizeof(first));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_empty),
		TEST(test_commit_shows_all_at_once),
		TEST(test_abort_keeps_nothing),
		TEST(test_update_moves_to_the_end),
		TEST(test_removal_takes_a_revision),
		TEST(test_scan_stops_when_told),
		TEST(test_churn),
		TEST(test_state_ids_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
