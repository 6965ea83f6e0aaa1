/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store in a directory of its own, and short words for what tests do with it.
 */
#ifndef WAYMARK_STORE_FIXTURE_H
#define WAYMARK_STORE_FIXTURE_H

#include <limits.h>

#include "store/store.h"

struct store_fixture {
	char directory[64];
	char file[96]; /* the database */
	uint64_t history;
	struct store *store; /* NULL: closed */
};

/* Makes an empty directory, and removes it with what is in it. */
void make_directory(char ret[static 64]);
void remove_directory(const char *directory);

/* For cmocka: *state is a fixture whose store is open. */
int fixture_set_up(void **state);
int fixture_tear_down(void **state);

/* Close and open again, so that nothing but the file counts. */
void fixture_close(struct store_fixture *fixture);
void fixture_open(struct store_fixture *fixture);
void fixture_reopen(struct store_fixture *fixture);

/* Opens, which must fail: returns the error, whose text is left in `error`. */
int fixture_open_error(struct store_fixture *fixture, char error[static STORE_ERROR_MAX]);

/* store_backup() in a process of its own, as it is meant. */
int backup_beside(const struct store_fixture *fixture, const char *file);

/* A mark of the host 2001:db8::NUMBER under this revision. */
struct mark sample_mark(uint64_t revision, uint32_t number);
struct removal sample_removal(uint64_t revision, uint32_t number);

/* What every step of a transaction asserts. put: the mark's number is its revision. */
void begin(struct store *store);
void put(struct store *store, uint64_t revision, uint64_t supersedes);
void put_number(struct store *store, uint64_t revision, uint32_t number, uint64_t supersedes);
void take_away(struct store *store, uint64_t revision, uint32_t number, uint64_t supersedes);
void commit(struct store *store);

/* Commits the marks `first`..`last`, in one transaction. */
void commit_marks(struct store *store, uint64_t first, uint64_t last);

/* A scan from `after` finds exactly these: "1 -2 3 ", a tombstone with a minus. */
void expect_scan(struct store *store, uint64_t after, const char *expected);

/* Number of records, dead ones and tombstones too; each is checked to be what sample_mark() or
 * sample_removal() made. */
uint64_t count_records(struct store *store);

#endif
