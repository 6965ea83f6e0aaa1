/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readers and backups beside a writer whose map has to grow again and again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store_fixture.h"

enum {
	READERS = 3,
	BATCH = 2000,
	BATCHES = 60,
	BACKUPS = 5,
	BESIDE = 10, /* batches that may be written beside one backup */
};

struct reader {
	struct store_fixture *fixture;
	pthread_t thread;
	unsigned int rounds;
	uint64_t next; /* revision that the scan must bring */
	const char *problem; /* of the thread; NULL: none */
};

static _Atomic bool writing;

static int expect_next(const struct store_record *record, void *user)
{
	struct reader *reader = user;
	struct mark expected = sample_mark(reader->next, (uint32_t)reader->next);

	if (!record->mark || record->mark->revision != reader->next ||
	    strcmp(record->mark->cookie, expected.cookie) != 0)
		reader->problem = "a scan brought something else";
	reader->next++;
	return reader->problem ? -EIO : 0;
}

/* Whatever was committed before is there, whole, and in order. */
static void read_once(struct reader *reader)
{
	struct store *store = reader->fixture->store;
	uint64_t head = store_revision(store), after = head > BATCH ? head - BATCH : 0;
	struct mark mark;

	if (head > 0 &&
	    (store_get(store, 1 + head / 2, &mark) < 0 || mark.revision != 1 + head / 2))
		reader->problem = "a committed mark is not there";
	reader->next = after + 1;
	if (store_scan(store, after, expect_next, reader) < 0)
		reader->problem = "a scan failed";
	if (reader->next <= head)
		reader->problem = "a scan ended early";
	if ((reader->next - 1) % BATCH != 0)
		reader->problem = "a scan saw half of a transaction";
	reader->rounds++;
}

static void *read_on(void *argument)
{
	struct reader *reader = argument;

	do
		read_once(reader);
	while (writing && !reader->problem);
	return NULL;
}

static void start_readers(struct store_fixture *fixture, struct reader readers[])
{
	writing = true;
	for (int i = 0; i < READERS; i++) {
		readers[i] = (struct reader){.fixture = fixture};
		assert_int_equal(pthread_create(&readers[i].thread, NULL, read_on, &readers[i]),
				 0);
	}
}

static void stop_readers(struct reader readers[])
{
	writing = false;
	for (int i = 0; i < READERS; i++) {
		pthread_join(readers[i].thread, NULL);
		if (readers[i].problem)
			fail_msg("%s", readers[i].problem);
		assert_true(readers[i].rounds > 0);
	}
}

static off_t file_size(const struct store_fixture *fixture)
{
	struct stat status;

	assert_int_equal(stat(fixture->file, &status), 0);
	return status.st_size;
}

static void test_map_grows_under_readers(void **state)
{
	struct store_fixture *fixture = *state;
	struct reader readers[READERS];
	off_t size = file_size(fixture);
	int grown = 0;

	start_readers(fixture, readers);
	for (uint64_t i = 0; i < BATCHES; i++) {
		commit_marks(fixture->store, i * BATCH + 1, (i + 1) * BATCH);
		grown += file_size(fixture) > size;
		size = file_size(fixture);
	}
	stop_readers(readers);
	assert_true(grown >= 4);
	fixture_reopen(fixture);
	assert_int_equal(count_records(fixture->store), BATCHES * BATCH);
	commit_marks(fixture->store, BATCHES * BATCH + 1, BATCHES * BATCH + 1);
}

/* One transaction larger than several maps. */
static void test_map_grows_within_a_transaction(void **state)
{
	struct store_fixture *fixture = *state;
	off_t size = file_size(fixture);

	commit_marks(fixture->store, 1, UINT64_C(30) * BATCH);
	assert_true(file_size(fixture) >= 4 * size);
	fixture_reopen(fixture);
	assert_int_equal(count_records(fixture->store), 30 * BATCH);
}

/* ---- backups ---- */

struct backup {
	struct store_fixture *fixture;
	sem_t batches; /* that the writer may still write */
	unsigned int taken;
	uint64_t least[BACKUPS]; /* revision that was committed before */
	int r;
};

static void backup_name(const struct store_fixture *fixture, unsigned int i, char ret[96])
{
	snprintf(ret, 96, "%s/backup.%u", fixture->directory, i);
}

static void *take_backups(void *argument)
{
	struct backup *backup = argument;
	char file[96];

	for (unsigned int i = 0; i < BACKUPS && backup->r == 0; i++) {
		backup_name(backup->fixture, i, file);
		backup->least[i] = store_revision(backup->fixture->store);
		for (int n = 0; n < BESIDE; n++)
			sem_post(&backup->batches);
		backup->r = backup_beside(backup->fixture, file);
		backup->taken += backup->r == 0;
	}
	writing = false;
	sem_post(&backup->batches);
	return NULL;
}

/* Restored, a backup is whole: everything from before it, and no half of a transaction. */
static void check_backup(const struct backup *backup, unsigned int i)
{
	struct store_fixture restored = {.store = NULL};
	const struct store_options options = {restored.directory, 0};
	uint8_t old_id[STORE_STATE_ID_SIZE], new_id[STORE_STATE_ID_SIZE];
	char file[96], error[STORE_ERROR_MAX];
	uint64_t revision;

	make_directory(restored.directory);
	backup_name(backup->fixture, i, file);
	assert_int_equal(store_restore(&options, file, error), 0);
	fixture_open(&restored);
	store_state_id(backup->fixture->store, old_id);
	store_state_id(restored.store, new_id);
	assert_memory_not_equal(old_id, new_id, sizeof(old_id));
	revision = store_revision(restored.store);
	assert_true(revision >= backup->least[i]);
	assert_int_equal(revision % BATCH, 0);
	assert_int_equal(count_records(restored.store), revision);
	commit_marks(restored.store, revision + 1, revision + BATCH);
	fixture_close(&restored);
	remove_directory(restored.directory);
}

static void test_backup_under_writes(void **state)
{
	struct store_fixture *fixture = *state;
	struct backup backup = {.fixture = fixture};
	pthread_t thread;
	uint64_t head = 0;

	writing = true;
	assert_int_equal(sem_init(&backup.batches, 0, 0), 0);
	assert_int_equal(pthread_create(&thread, NULL, take_backups, &backup), 0);
	while (sem_wait(&backup.batches) == 0 && writing) {
		commit_marks(fixture->store, head + 1, head + BATCH);
		head += BATCH;
	}
	pthread_join(thread, NULL);
	sem_destroy(&backup.batches);
	assert_int_equal(backup.r, 0);
	assert_int_equal(backup.taken, BACKUPS);
	for (unsigned int i = 0; i < BACKUPS; i++)
		check_backup(&backup, i);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_map_grows_under_readers),
		TEST(test_map_grows_within_a_transaction),
		TEST(test_backup_under_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
