/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which dead records go, when, and how many at a time. The store is asked the same thing as a
 * simple model of it, in thousands of random transactions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "store_fixture.h"

enum { KEYS = 100, ROUNDS = 1000, CHANGES_MAX = 40, HISTORY = 50 };

/* ---- the model ---- */

struct model {
	uint64_t living[KEYS + 1]; /* revision of the mark with this number; 0: none */
	uint64_t head;
	unsigned int seed;
};

static unsigned int draw(struct model *model, unsigned int below)
{
	return (unsigned int)rand_r(&model->seed) % below;
}

static void change(struct model *model, struct store *store)
{
	uint32_t number = 1 + draw(model, KEYS);
	uint64_t there = model->living[number];

	model->head++;
	if (there && draw(model, 3) == 0) {
		take_away(store, model->head, number, there);
		model->living[number] = 0;
	} else {
		put_number(store, model->head, number, there);
		model->living[number] = model->head;
	}
}

static void change_some(struct model *model, struct store *store)
{
	struct model before = *model;

	begin(store);
	for (unsigned int i = draw(model, CHANGES_MAX) + 1; i > 0; i--)
		change(model, store);
	if (draw(model, 10) > 0) {
		commit(store);
	} else {
		before.seed = model->seed;
		*model = before;
		store_abort(store);
	}
}

/* ---- what must hold ---- */

struct fold {
	uint64_t living[KEYS + 1];
	uint64_t compact_revision, expected; /* the next revision above it */
};

static uint32_t number_of(const struct match *match)
{
	return match->destination[15];
}

static int fold_record(const struct store_record *record, void *user)
{
	struct fold *fold = user;

	if (record->revision > fold->compact_revision)
		assert_int_equal(record->revision, fold->expected++);
	if (record->mark)
		fold->living[number_of(&record->mark->match)] = record->revision;
	else
		fold->living[number_of(&record->removal->match)] = 0;
	return 0;
}

/* What a scan folds to is the model; nothing above the compact revision is missing. */
static void check(const struct model *model, struct store *store)
{
	struct fold fold = {.compact_revision = store_compact_revision(store)};

	fold.expected = fold.compact_revision + 1;
	assert_int_equal(store_revision(store), model->head);
	assert_int_equal(store_scan(store, 0, fold_record, &fold), 0);
	assert_int_equal(fold.expected, model->head + 1);
	assert_memory_equal(fold.living, model->living, sizeof(fold.living));
}

static void check_history(struct store *store, uint64_t *compact_revision)
{
	uint64_t now = store_compact_revision(store), head = store_revision(store);

	assert_true(now >= *compact_revision);
	assert_true(now == 0 || now + HISTORY <= head);
	*compact_revision = now;
}

static void test_random_transactions(void **state)
{
	struct store_fixture *fixture = *state;
	struct model model = {.seed = 1};
	uint64_t compact_revision = 0;

	fixture->history = HISTORY;
	fixture_reopen(fixture);
	for (int i = 0; i < ROUNDS; i++) {
		change_some(&model, fixture->store);
		check_history(fixture->store, &compact_revision);
		if (i % 10 == 0)
			check(&model, fixture->store);
		if (i % 50 == 0) {
			fixture_reopen(fixture);
			check_history(fixture->store, &compact_revision);
			check(&model, fixture->store);
		}
		/* Half of the living, the history, and what one transaction adds. */
		assert_in_range(count_records(fixture->store), 0,
				KEYS + KEYS / 2 + HISTORY + 2 * CHANGES_MAX);
	}
	assert_true(compact_revision > 10000);
}

/* ---- bounds ---- */

static void test_history_is_kept_by_default(void **state)
{
	struct store *store = ((struct store_fixture *)*state)->store;

	commit_marks(store, 1, 1);
	for (uint64_t revision = 2; revision < 2000; revision += 100) {
		begin(store);
		for (uint64_t i = revision; i < revision + 100; i++)
			put_number(store, i, 1, i - 1);
		commit(store);
	}
	assert_int_equal(store_compact_revision(store), 0);
	assert_int_equal(count_records(store), store_revision(store));
}

static void supersede_all(struct store *store, uint64_t marks)
{
	commit_marks(store, 1, marks);
	begin(store);
	for (uint64_t i = 1; i <= marks; i++)
		put_number(store, marks + i, (uint32_t)i, i);
	commit(store);
}

/* However much there is to drop, one commit drops some. */
static void test_a_commit_does_a_bounded_part(void **state)
{
	struct store_fixture *fixture = *state;
	const uint64_t marks = 10000;
	uint64_t left = 2 * marks;
	struct store_lease lease = {.id = 1};

	fixture->history = 1;
	fixture_reopen(fixture);
	supersede_all(fixture->store, marks);
	assert_int_equal(count_records(fixture->store), left);
	/* Work without any change of a mark is enough, and it ends when all is done. */
	for (int i = 0; i < 25; i++) {
		uint64_t now;

		begin(fixture->store);
		assert_int_equal(store_put_lease(fixture->store, &lease), 0);
		commit(fixture->store);
		now = count_records(fixture->store);
		assert_in_range(left - now, 0, 1002);
		left = now;
	}
	assert_int_equal(left, marks);
	assert_int_equal(store_compact_revision(fixture->store), marks);
}

/* A pass that a restart has cut off is taken up, and wakes nothing up. */
static void test_restart_within_a_pass(void **state)
{
	struct store_fixture *fixture = *state;
	const uint64_t marks = 5000;

	fixture->history = 1;
	fixture_reopen(fixture);
	supersede_all(fixture->store, marks);
	for (uint64_t i = 1; i <= 20; i++) {
		begin(fixture->store);
		put_number(fixture->store, 2 * marks + i, 1,
			   i == 1 ? marks + 1 : 2 * marks + i - 1);
		commit(fixture->store);
		fixture_reopen(fixture);
	}
	/* What is left: the living, and fewer dead ones than a pass is worth. */
	assert_in_range(count_records(fixture->store), marks, marks + marks / 2 + 2);
	assert_true(store_compact_revision(fixture->store) > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_random_transactions),
		TEST(test_history_is_kept_by_default),
		TEST(test_a_commit_does_a_bounded_part),
		TEST(test_restart_within_a_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
