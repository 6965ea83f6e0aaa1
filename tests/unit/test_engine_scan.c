/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a scan of the engine brings, and what watches get as changes, out of a store that is
 * full of records that are dead.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/engine.h"
#include "fake_datapath.h"
#include "store_fixture.h"

enum { MARKS = 40, UPDATES = 6000, IN_FLIGHT = 32 };

struct fixture {
	struct datapath datapath;
	struct store_fixture *stored;
	struct engine *engine;
	struct request {
		struct engine_op op;
		struct engine_update update;
	} requests[IN_FLIGHT];
};

static int set_up_with(void **state, uint64_t history)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct engine_options options = {.audit_interval = 0};
	struct engine_restored restored;

	fixture->datapath.capacity = FAKE_SLOTS - 1;
	fixture_set_up((void **)&fixture->stored);
	fixture->stored->history = history;
	fixture_reopen(fixture->stored);
	options.datapath = &fixture->datapath;
	options.store = fixture->stored->store;
	assert_int_equal(engine_new(&options, &fixture->engine), 0);
	assert_int_equal(engine_start(fixture->engine, &restored), 0);
	*state = fixture;
	return 0;
}

static int set_up(void **state)
{
	return set_up_with(state, 0);
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	engine_free(fixture->engine);
	fixture_tear_down((void **)&fixture->stored);
	free(fixture);
	return 0;
}

/* ---- changes ---- */

static sem_t *done_semaphore;

static void post(struct engine_op *op)
{
	(void)op;
	sem_post(done_semaphore);
}

static void prepare(struct request *request, enum update_verb verb, uint32_t number,
		    uint32_t label)
{
	const struct mark mark = sample_mark(0, number);

	*request = (struct request){.op = {.verb = ENGINE_APPLY,
					   .owner = "dns:ctl.example.org",
					   .updates = &request->update,
					   .n_updates = 1,
					   .done = post},
				    .update = {.verb = (uint8_t)verb,
					       .match = mark.match,
					       .action = mark.action,
					       .cookie = ""}};
	request->update.action.flow_label = label;
}

static void wait_for(sem_t *semaphore)
{
	while (sem_wait(semaphore) < 0)
		;
}

/* Submits as many as fit at a time, and waits for all. */
static void change_marks(struct fixture *fixture, enum update_verb verb, uint32_t changes)
{
	sem_t done;

	sem_init(&done, 0, 0);
	done_semaphore = &done;
	for (uint32_t i = 0; i < changes; i += IN_FLIGHT) {
		uint32_t n = changes - i < IN_FLIGHT ? changes - i : IN_FLIGHT;

		for (uint32_t k = 0; k < n; k++) {
			prepare(&fixture->requests[k], verb, (i + k) % MARKS, i & 0xFFFFF);
			engine_submit(fixture->engine, &fixture->requests[k].op);
		}
		for (uint32_t k = 0; k < n; k++)
			wait_for(&done);
	}
	sem_destroy(&done);
}

/* ---- scans ---- */

struct seen {
	uint64_t last; /* revision */
	unsigned int marks, out_of_order;
	bool by_number[MARKS];
};

static int see(const struct engine_mark *found, void *user)
{
	const struct mark *mark = &found->mark;
	struct seen *seen = user;

	seen->out_of_order += mark->revision <= seen->last;
	seen->last = mark->revision;
	seen->marks++;
	seen->by_number[mark->match.destination[15]] = true;
	return 0;
}

static bool saw_all(const struct seen *seen)
{
	for (int i = 0; i < MARKS; i++)
		if (!seen->by_number[i])
			return false;
	return seen->out_of_order == 0;
}

static void test_only_the_living(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {.last = 0};

	change_marks(fixture, UPDATE_SET, UPDATES);
	assert_int_equal(engine_scan(fixture->engine, 0, see, &seen), 0);
	assert_int_equal(seen.marks, MARKS);
	assert_true(saw_all(&seen));
	assert_int_equal(seen.last, UPDATES);
	assert_int_equal(engine_revision(fixture->engine), UPDATES);

	seen = (struct seen){.last = 0};
	assert_int_equal(engine_scan(fixture->engine, UPDATES - 5, see, &seen), 0);
	assert_int_equal(seen.marks, 5);

	change_marks(fixture, UPDATE_CLEAR, MARKS);
	seen = (struct seen){.last = 0};
	assert_int_equal(engine_scan(fixture->engine, 0, see, &seen), 0);
	assert_int_equal(seen.marks, 0);
}

static int find_tombstone(const struct store_record *record, void *user)
{
	struct removal *removal = user;

	if (record->removal)
		*removal = *record->removal;
	return 0;
}

static void test_what_a_removal_leaves(void **state)
{
	struct fixture *fixture = *state;
	struct mark mark = sample_mark(0, 0);
	struct removal removal = {.revision = 0};

	change_marks(fixture, UPDATE_SET, 1);
	fake_find(&fixture->datapath, &mark.match)->counters = (struct traffic_count){3, 300};
	change_marks(fixture, UPDATE_CLEAR, 1);
	assert_int_equal(store_scan(fixture->stored->store, 0, find_tombstone, &removal), 0);
	assert_int_equal(removal.revision, 2);
	assert_int_equal(removal.reason, REMOVAL_CLEARED);
	assert_string_equal(removal.owner, mark.owner);
	assert_memory_equal(&removal.match, &mark.match, sizeof(mark.match));
	assert_int_equal(removal.counters.packets, 3);
	assert_int_equal(removal.counters.bytes, 300);
}

/* ---- beside the writer ---- */

static _Atomic bool updating;

static void *update(void *argument)
{
	change_marks(argument, UPDATE_SET, UPDATES);
	updating = false;
	return NULL;
}

/* A mark that is there all the time is seen by every scan, however it changes meanwhile. */
static void test_scan_beside_updates(void **state)
{
	struct fixture *fixture = *state;
	pthread_t thread;
	unsigned int scans = 0, failed = 0;

	change_marks(fixture, UPDATE_SET, MARKS);
	updating = true;
	assert_int_equal(pthread_create(&thread, NULL, update, fixture), 0);
	while (updating) {
		struct seen seen = {.last = 0};

		failed += engine_scan(fixture->engine, 0, see, &seen) != 0 || !saw_all(&seen);
		scans++;
	}
	pthread_join(thread, NULL);
	assert_true(scans > 0);
	assert_int_equal(failed, 0);
}

/* ---- */

static int stop_at_third(const struct engine_mark *found, void *user)
{
	(void)found;
	return ++*(int *)user == 3 ? 42 : 0;
}

static void test_scan_stops_when_told(void **state)
{
	struct fixture *fixture = *state;
	int seen = 0;

	change_marks(fixture, UPDATE_SET, MARKS);
	assert_int_equal(engine_scan(fixture->engine, 0, stop_at_third, &seen), 42);
	assert_int_equal(seen, 3);
}

/* ---- changes, as a watch folds them ---- */

struct fold {
	uint64_t at, last; /* position; revision of the last change */
	uint64_t revisions[MARKS]; /* 0: not there */
	unsigned int marks, removals, out_of_order;
};

static int take_change(const struct engine_change *change, void *user)
{
	struct fold *fold = user;
	const struct match *match;

	if (!change->mark == !change->removal)
		return -EINVAL;
	match = change->mark ? &change->mark->match : &change->removal->match;

	fold->out_of_order += change->revision <= fold->last;
	fold->last = change->revision;
	fold->marks += change->mark != NULL;
	fold->removals += change->removal != NULL;
	fold->revisions[match->destination[15]] = change->mark ? change->revision : 0;
	return 0;
}

/* One call. What it says of an error. */
static int take_page(struct fixture *fixture, struct fold *fold, uint64_t removals_after)
{
	int error;
	uint64_t at = engine_changes(fixture->engine, fold->at, removals_after, take_change,
				     fold, &error);

	assert_true(at >= fold->at && at <= engine_revision(fixture->engine));
	assert_true(fold->last <= at);
	fold->at = at;
	return error;
}

static void take_all(struct fixture *fixture, struct fold *fold, uint64_t removals_after)
{
	uint64_t before;

	do {
		before = fold->at;
		assert_int_equal(take_page(fixture, fold, removals_after), 0);
	} while (fold->at > before);
}

static int compare_with_fold(const struct engine_mark *found, void *user)
{
	struct fold *fold = user;
	uint64_t *revision = &fold->revisions[found->mark.match.destination[15]];

	assert_int_equal(*revision, found->mark.revision);
	*revision = 0;
	return 0;
}

/* Uses it up. */
static void expect_whole(struct fixture *fixture, struct fold *fold)
{
	assert_int_equal(fold->out_of_order, 0);
	assert_int_equal(engine_scan(fixture->engine, 0, compare_with_fold, fold), 0);
	for (int i = 0; i < MARKS; i++)
		assert_int_equal(fold->revisions[i], 0);
}

static void test_changes_leave_out_what_is_overtaken(void **state)
{
	struct fixture *fixture = *state;
	struct fold fold = {.at = 0};

	change_marks(fixture, UPDATE_SET, UPDATES);
	take_all(fixture, &fold, UPDATES);
	assert_int_equal(fold.at, UPDATES);
	assert_int_equal(fold.marks, MARKS);
	assert_int_equal(fold.removals, 0);

	change_marks(fixture, UPDATE_CLEAR, 3);
	take_all(fixture, &fold, UPDATES);
	assert_int_equal(fold.at, UPDATES + 3);
	assert_int_equal(fold.removals, 3);
	expect_whole(fixture, &fold);
}

static void test_old_removals_are_asked_for_or_not(void **state)
{
	struct fixture *fixture = *state;
	struct fold all = {.at = 0}, late = {.at = 0};

	change_marks(fixture, UPDATE_SET, MARKS);
	change_marks(fixture, UPDATE_CLEAR, 10);
	take_all(fixture, &all, 0);
	take_all(fixture, &late, MARKS + 7);
	assert_int_equal(all.removals, 10);
	assert_int_equal(late.removals, 3);
	expect_whole(fixture, &all);
	expect_whole(fixture, &late);
}

/* Removals too, and marks that come back: when it stands still, the fold is the state. */
static void *churn(void *argument)
{
	for (int i = 0; i < 20; i++) {
		change_marks(argument, UPDATE_SET, 10 * MARKS);
		change_marks(argument, UPDATE_CLEAR, MARKS / 2);
	}
	updating = false;
	return NULL;
}

static void test_changes_beside_the_writer(void **state)
{
	struct fixture *fixture = *state;
	struct fold fold = {.at = 0};
	pthread_t thread;

	change_marks(fixture, UPDATE_SET, MARKS);
	updating = true;
	assert_int_equal(pthread_create(&thread, NULL, churn, fixture), 0);
	while (updating)
		assert_int_equal(take_page(fixture, &fold, MARKS), 0);
	pthread_join(thread, NULL);
	take_all(fixture, &fold, MARKS);
	assert_int_equal(fold.removals, 20 * (MARKS / 2));
	expect_whole(fixture, &fold);
}

static int set_up_with_short_history(void **state)
{
	return set_up_with(state, 100);
}

static void test_forgotten_removals(void **state)
{
	struct fixture *fixture = *state;
	struct fold behind = {.at = 1}, beginning = {.at = 0};
	uint64_t head;

	change_marks(fixture, UPDATE_SET, MARKS);
	change_marks(fixture, UPDATE_CLEAR, 1);
	for (int i = 0; i < 10 && engine_compact_revision(fixture->engine) <= MARKS; i++)
		change_marks(fixture, UPDATE_SET, UPDATES);
	assert_true(engine_compact_revision(fixture->engine) > MARKS);
	assert_int_equal(take_page(fixture, &behind, 1), -ESTALE);
	assert_int_equal(behind.at, 1);
	/* Who knows of no mark yet does not miss those removals. */
	head = engine_revision(fixture->engine);
	take_all(fixture, &beginning, head);
	expect_whole(fixture, &beginning);
}

#define TEST_WITH(name, set_up) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST(name) TEST_WITH(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_only_the_living),
		TEST(test_what_a_removal_leaves),
		TEST(test_scan_beside_updates),
		TEST(test_scan_stops_when_told),
		TEST(test_changes_leave_out_what_is_overtaken),
		TEST(test_old_removals_are_asked_for_or_not),
		TEST(test_changes_beside_the_writer),
		TEST_WITH(test_forgotten_removals, set_up_with_short_history),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
