/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <ftw.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "same_mark.h"
#include "store_fixture.h"

/* ---- places ---- */

void make_directory(char ret[static 64])
{
	snprintf(ret, 64, "/tmp/waymark-test-XXXXXX");
	assert_non_null(mkdtemp(ret));
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path);
}

void remove_directory(const char *directory)
{
	nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- life ---- */

int fixture_open_error(struct store_fixture *fixture, char error[static STORE_ERROR_MAX])
{
	const struct store_options options = {fixture->directory, fixture->history};

	error[0] = '\0';
	return store_open(&options, &fixture->store, error);
}

void fixture_open(struct store_fixture *fixture)
{
	char error[STORE_ERROR_MAX];
	int r = fixture_open_error(fixture, error);

	if (r < 0)
		fail_msg("store_open: %d: %s", r, error);
}

void fixture_close(struct store_fixture *fixture)
{
	store_close(fixture->store);
	fixture->store = NULL;
}

void fixture_reopen(struct store_fixture *fixture)
{
	fixture_close(fixture);
	fixture_open(fixture);
}

int backup_beside(const struct store_fixture *fixture, const char *file)
{
	const char *const arguments[] = {"store_backup", fixture->directory, file, NULL};
	pid_t child;
	int status;

	/* Not fork() alone: what other threads hold would be held in the child for ever. */
	status = posix_spawn(&child, STORE_BACKUP, NULL, NULL, (char *const *)arguments,
			     environ);
	if (status)
		return -status;
	if (waitpid(child, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
}

int fixture_set_up(void **state)
{
	struct store_fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	make_directory(fixture->directory);
	snprintf(fixture->file, sizeof(fixture->file), "%s/waymark.mdb", fixture->directory);
	fixture_open(fixture);
	*state = fixture;
	return 0;
}

int fixture_tear_down(void **state)
{
	struct store_fixture *fixture = *state;

	fixture_close(fixture);
	remove_directory(fixture->directory);
	free(fixture);
	return 0;
}

/* ---- values ---- */

static struct match sample_match(uint32_t number)
{
	struct match match = {.destination = {0x20, 0x01, 0x0d, 0xb8},
			      .kind = MARK_HOST,
			      .prefix_length = 128};

	for (int i = 0; i < 4; i++)
		match.destination[12 + i] = (uint8_t)(number >> (24 - 8 * i));
	return match;
}

/* Compared as bytes: padding is zero too. */
struct mark sample_mark(uint64_t revision, uint32_t number)
{
	struct mark mark;

	memset(&mark, 0, sizeof(mark));
	mark.match = sample_match(number);
	mark.action.label = MARK_LABEL_RAW;
	mark.action.flow_label = number & 0xFFFFF;
	mark.revision = revision;
	mark.create_time = 1700000000123456789;
	strcpy(mark.owner, "dns:ctl.example.org");
	snprintf(mark.cookie, sizeof(mark.cookie), "cookie %u", number);
	return mark;
}

struct removal sample_removal(uint64_t revision, uint32_t number)
{
	struct removal removal;

	memset(&removal, 0, sizeof(removal));
	removal.match = sample_match(number);
	removal.revision = revision;
	removal.reason = REMOVAL_EXPIRED;
	removal.counters.packets = number;
	removal.counters.bytes = 1000 * (uint64_t)number;
	strcpy(removal.owner, "dns:ctl.example.org");
	return removal;
}

/* ---- transactions ---- */

void begin(struct store *store)
{
	assert_int_equal(store_begin(store), 0);
}

void put_number(struct store *store, uint64_t revision, uint32_t number, uint64_t supersedes)
{
	struct mark mark = sample_mark(revision, number);

	assert_int_equal(store_put(store, &mark, supersedes), 0);
}

void put(struct store *store, uint64_t revision, uint64_t supersedes)
{
	put_number(store, revision, (uint32_t)revision, supersedes);
}

void take_away(struct store *store, uint64_t revision, uint32_t number, uint64_t supersedes)
{
	struct removal removal = sample_removal(revision, number);

	assert_int_equal(store_remove(store, &removal, supersedes), 0);
}

void commit(struct store *store)
{
	assert_int_equal(store_commit(store), 0);
}

void commit_marks(struct store *store, uint64_t first, uint64_t last)
{
	begin(store);
	for (uint64_t revision = first; revision <= last; revision++)
		put(store, revision, 0);
	commit(store);
}

/* ---- scans ---- */

static int append(const struct store_record *record, void *user)
{
	char *text = user;

	assert_true(!record->mark != !record->removal);
	sprintf(text + strlen(text), "%s%lu ", record->removal ? "-" : "",
		(unsigned long)record->revision);
	return 0;
}

void expect_scan(struct store *store, uint64_t after, const char *expected)
{
	char text[4096] = "";

	assert_int_equal(store_scan(store, after, append, text), 0);
	assert_string_equal(text, expected);
}

static uint32_t number_of(const struct match *match)
{
	const uint8_t *end = match->destination + 12;

	return (uint32_t)end[0] << 24 | (uint32_t)end[1] << 16 | (uint32_t)end[2] << 8 | end[3];
}

static int count(const struct store_record *record, void *user)
{
	if (record->mark) {
		struct mark mark =
			sample_mark(record->revision, number_of(&record->mark->match));

		expect_same_mark(record->mark, &mark);
	} else {
		struct removal removal =
			sample_removal(record->revision, number_of(&record->removal->match));

		expect_same_removal(record->removal, &removal);
	}
	++*(uint64_t *)user;
	return 0;
}

uint64_t count_records(struct store *store)
{
	uint64_t records = 0;

	assert_int_equal(store_scan(store, 0, count, &records), 0);
	return records;
}
