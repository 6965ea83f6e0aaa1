/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a scan of the engine brings, out of a store that is full of records that are dead.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

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

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct engine_options options = {.audit_interval = 0};
	struct engine_restored restored;

	fixture->datapath.capacity = FAKE_SLOTS - 1;
	fixture_set_up((void **)&fixture->stored);
	options.datapath = &fixture->datapath;
	options.store = fixture->stored->store;
	assert_int_equal(engine_new(&options, &fixture->engine, &restored), 0);
	*state = fixture;
	return 0;
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

static int see(const struct mark *mark, void *user)
{
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

static int stop_at_third(const struct mark *mark, void *user)
{
	(void)mark;
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_only_the_living),
		TEST(test_what_a_removal_leaves),
		TEST(test_scan_beside_updates),
		TEST(test_scan_stops_when_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
