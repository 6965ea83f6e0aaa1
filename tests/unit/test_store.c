/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions, what readers see of them, and that all of it is there after a restart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "same_mark.h"
#include "store_fixture.h"

static struct store *store_of(void **state)
{
	return ((struct store_fixture *)*state)->store;
}

static void test_empty(void **state)
{
	struct store *store = store_of(state);
	struct mark mark;

	assert_int_equal(store_revision(store), 0);
	assert_int_equal(store_compact_revision(store), 0);
	assert_int_equal(store_last_lease(store), 0);
	assert_int_equal(store_get(store, 1, &mark), -ENOENT);
	expect_scan(store, 0, "");
	expect_scan(store, UINT64_MAX, "");
}

static void test_commit_shows_all_at_once(void **state)
{
	struct store *store = store_of(state);
	struct mark mark, expected = sample_mark(2, 2);

	begin(store);
	put(store, 1, 0);
	put(store, 2, 0);
	expect_scan(store, 0, "");
	assert_int_equal(store_revision(store), 0);
	commit(store);
	expect_scan(store, 0, "1 2 ");
	assert_int_equal(store_revision(store), 2);
	assert_int_equal(store_get(store, 2, &mark), 0);
	expect_same_mark(&mark, &expected);
}

static void test_abort_keeps_nothing(void **state)
{
	struct store *store = store_of(state);
	struct store_lease lease = {.id = 9};

	begin(store);
	put(store, 1, 0);
	assert_int_equal(store_put_lease(store, &lease), 0);
	store_abort(store);
	begin(store);
	commit(store);
	expect_scan(store, 0, "");
	assert_int_equal(store_revision(store), 0);
	assert_int_equal(store_last_lease(store), 0);
	/* The revision is free again. */
	commit_marks(store, 1, 1);
}

static void test_begin_forgets_what_was_not_committed(void **state)
{
	struct store *store = store_of(state);

	begin(store);
	put(store, 1, 0);
	begin(store);
	put(store, 1, 0);
	put(store, 2, 0);
	commit(store);
	expect_scan(store, 0, "1 2 ");
}

static void test_revisions_rise(void **state)
{
	struct store *store = store_of(state);
	struct mark mark = sample_mark(5, 5);
	struct removal removal = sample_removal(5, 5);

	commit_marks(store, 5, 5);
	begin(store);
	assert_int_equal(store_put(store, &mark, 0), -EINVAL);
	assert_int_equal(store_remove(store, &removal, 0), -EINVAL);
	mark.revision = 6;
	assert_int_equal(store_put(store, &mark, 6), -EINVAL);
	assert_int_equal(store_put(store, &mark, 5), 0);
	assert_int_equal(store_put(store, &mark, 5), -EINVAL);
	store_abort(store);
	assert_int_equal(store_revision(store), 5);
}

static void test_superseded_records_are_passed_on(void **state)
{
	struct store *store = store_of(state);

	commit_marks(store, 1, 2);
	begin(store);
	put_number(store, 3, 1, 1);
	put_number(store, 4, 1, 3);
	commit(store);
	expect_scan(store, 0, "1 2 3 4 ");
	expect_scan(store, 2, "3 4 ");
	expect_scan(store, 4, "");
}

static int check_removal(const struct store_record *record, void *user)
{
	const struct removal expected = sample_removal(3, 1);

	assert_null(record->mark);
	assert_int_equal(record->revision, 3);
	expect_same_removal(record->removal, &expected);
	*(bool *)user = true;
	return 0;
}

static void test_removal_is_a_record(void **state)
{
	struct store *store = store_of(state);
	struct mark mark;
	bool seen = false;

	commit_marks(store, 1, 2);
	begin(store);
	take_away(store, 3, 1, 1);
	commit(store);
	expect_scan(store, 0, "1 2 -3 ");
	assert_int_equal(store_revision(store), 3);
	assert_int_equal(store_get(store, 3, &mark), -ENOENT);
	assert_int_equal(store_scan(store, 2, check_removal, &seen), 0);
	assert_true(seen);
}

static int stop_at_two(const struct store_record *record, void *user)
{
	++*(int *)user;
	return record->revision == 2 ? 42 : 0;
}

static void test_scan_stops_when_told(void **state)
{
	struct store *store = store_of(state);
	int seen = 0;

	commit_marks(store, 1, 3);
	assert_int_equal(store_scan(store, 0, stop_at_two, &seen), 42);
	assert_int_equal(seen, 2);
}

/* ---- leases and owners ---- */

static struct store_lease sample_lease(uint64_t id)
{
	struct store_lease lease = {.id = id,
				    .is_private = id % 2,
				    .ttl = 60000000000,
				    .boot_id = {1, 2, 3, 0, 5, [15] = 16},
				    .boottime = 123456789012345,
				    .wall = 1700000000000000000};

	snprintf(lease.owner, sizeof(lease.owner), "unix:uid=%lu", (unsigned long)id);
	return lease;
}

static int append_lease(const struct store_lease *lease, void *user)
{
	struct store_lease expected = sample_lease(lease->id);
	char *text = user;

	expected.wall = lease->wall;
	assert_memory_equal(lease, &expected, sizeof(expected));
	sprintf(text + strlen(text), "%lu:%ld ", (unsigned long)lease->id, (long)lease->wall);
	return 0;
}

static void expect_leases(struct store *store, const char *expected)
{
	char text[256] = "";

	assert_int_equal(store_each_lease(store, append_lease, text), 0);
	assert_string_equal(text, expected);
}

static void test_leases(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_lease lease;

	begin(fixture->store);
	for (uint64_t id = 1; id <= 3; id++) {
		lease = sample_lease(id);
		lease.wall = (int64_t)id;
		assert_int_equal(store_put_lease(fixture->store, &lease), 0);
	}
	expect_leases(fixture->store, "");
	commit(fixture->store);
	expect_leases(fixture->store, "1:1 2:2 3:3 ");

	begin(fixture->store);
	lease = sample_lease(2);
	lease.wall = -5;
	assert_int_equal(store_put_lease(fixture->store, &lease), 0);
	assert_int_equal(store_remove_lease(fixture->store, 3), 0);
	assert_int_equal(store_remove_lease(fixture->store, 77), 0);
	commit(fixture->store);
	expect_leases(fixture->store, "1:1 2:-5 ");
	fixture_reopen(fixture);
	expect_leases(fixture->store, "1:1 2:-5 ");
	/* The id of a lease that is gone is not given to another one. */
	assert_int_equal(store_last_lease(fixture->store), 3);
}

static int stop_at_once(const struct store_lease *lease, void *user)
{
	(void)lease;
	(void)user;
	return 7;
}

static void test_lease_walk_stops_when_told(void **state)
{
	struct store *store = store_of(state);
	struct store_lease lease = sample_lease(1), none = sample_lease(0);

	begin(store);
	assert_int_equal(store_put_lease(store, &none), -EINVAL);
	assert_int_equal(store_put_lease(store, &lease), 0);
	commit(store);
	assert_int_equal(store_each_lease(store, stop_at_once, NULL), 7);
}

static int append_owner(const char *owner, uint64_t election_id, void *user)
{
	char *text = user;

	sprintf(text + strlen(text), "%.8s=%lu ", owner, (unsigned long)election_id);
	return 0;
}

static void expect_owners(struct store *store, const char *expected)
{
	char text[256] = "";

	assert_int_equal(store_each_owner(store, append_owner, text), 0);
	assert_string_equal(text, expected);
}

static void test_owners(void **state)
{
	struct store_fixture *fixture = *state;
	char longest[MARK_OWNER_MAX + 2];

	memset(longest, 'x', sizeof(longest) - 1);
	longest[MARK_OWNER_MAX + 1] = '\0';
	begin(fixture->store);
	assert_int_equal(store_put_owner(fixture->store, longest, 1), -EINVAL);
	assert_int_equal(store_put_owner(fixture->store, "", 1), -EINVAL);
	longest[MARK_OWNER_MAX] = '\0';
	assert_int_equal(store_put_owner(fixture->store, longest, UINT64_MAX), 0);
	assert_int_equal(store_put_owner(fixture->store, "cn:a", 5), 0);
	assert_int_equal(store_put_owner(fixture->store, "cn:ab", 6), 0);
	commit(fixture->store);
	expect_owners(fixture->store, "cn:a=5 cn:ab=6 xxxxxxxx=18446744073709551615 ");
	begin(fixture->store);
	assert_int_equal(store_put_owner(fixture->store, "cn:a", 4), 0); /* the reset */
	commit(fixture->store);
	fixture_reopen(fixture);
	expect_owners(fixture->store, "cn:a=4 cn:ab=6 xxxxxxxx=18446744073709551615 ");
}

/* ---- restarts ---- */

static void test_reopen_keeps_everything(void **state)
{
	struct store_fixture *fixture = *state;
	uint8_t before[STORE_STATE_ID_SIZE], after[STORE_STATE_ID_SIZE];
	struct mark mark;

	store_state_id(fixture->store, before);
	commit_marks(fixture->store, 1, 3);
	begin(fixture->store);
	put_number(fixture->store, 4, 1, 1);
	take_away(fixture->store, 5, 2, 2);
	commit(fixture->store);
	begin(fixture->store);
	put(fixture->store, 6, 0);
	fixture_reopen(fixture); /* without a commit of 6 */

	store_state_id(fixture->store, after);
	assert_memory_equal(before, after, sizeof(before));
	assert_int_equal(store_revision(fixture->store), 5);
	expect_scan(fixture->store, 0, "1 2 3 4 -5 ");
	assert_int_equal(count_records(fixture->store), 5);
	assert_int_equal(store_get(fixture->store, 4, &mark), 0);
	assert_string_equal(mark.cookie, "cookie 1");
	commit_marks(fixture->store, 6, 6);
	expect_scan(fixture->store, 4, "-5 6 ");
}

static void test_state_ids_differ(void **state)
{
	struct store_fixture *other;
	uint8_t first[STORE_STATE_ID_SIZE], second[STORE_STATE_ID_SIZE];
	void *other_state;

	store_state_id(store_of(state), first);
	fixture_set_up(&other_state);
	other = other_state;
	store_state_id(other->store, second);
	fixture_tear_down(&other_state);
	assert_memory_not_equal(first, second, sizeof(first));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_empty),
		TEST(test_commit_shows_all_at_once),
		TEST(test_abort_keeps_nothing),
		TEST(test_begin_forgets_what_was_not_committed),
		TEST(test_revisions_rise),
		TEST(test_superseded_records_are_passed_on),
		TEST(test_removal_is_a_record),
		TEST(test_scan_stops_when_told),
		TEST(test_leases),
		TEST(test_lease_walk_stops_when_told),
		TEST(test_owners),
		TEST(test_reopen_keeps_everything),
		TEST(test_state_ids_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
