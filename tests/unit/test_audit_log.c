/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "ops/audit_log.h"

static char folder[] = "/tmp/test_audit_log.XXXXXX";
static char file[64], moved[64];

/* What was reported last, and how often. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t told = PTHREAD_COND_INITIALIZER;
static unsigned int reports;
static int last_error;
static uint64_t last_lost;

static int set_up_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(file, sizeof(file), "%s/audit", folder);
	snprintf(moved, sizeof(moved), "%s/audit.1", folder);
	return 0;
}

static int tear_down_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

static int set_up(void **state)
{
	(void)state;
	reports = 0;
	last_error = 0;
	last_lost = 0;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(file);
	unlink(moved);
	return 0;
}

static void report(int error, uint64_t lost, void *user)
{
	(void)user;
	pthread_mutex_lock(&lock);
	reports++;
	last_error = error;
	last_lost = lost;
	pthread_cond_signal(&told);
	pthread_mutex_unlock(&lock);
}

static void wait_report(unsigned int n)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 10;
	pthread_mutex_lock(&lock);
	while (reports < n)
		assert_int_equal(pthread_cond_timedwait(&told, &lock, &end), 0);
	pthread_mutex_unlock(&lock);
}

static struct audit_log *open_log(void)
{
	const struct audit_log_options options = {.path = file, .report = report};
	struct audit_log *log;

	assert_int_equal(audit_log_open(&options, &log), 0);
	return log;
}

static void write_text(struct audit_log *log, const char *line)
{
	audit_log_write(log, line, strlen(line));
}

static void assert_holds(const char *path, const char *expected)
{
	cleanup(close_file) FILE *stream = fopen(path, "re");
	char text[256] = "";

	assert_non_null(stream);
	assert_true(fread(text, 1, sizeof(text) - 1, stream) < sizeof(text) - 1);
	assert_string_equal(text, expected);
}

/* Of the first line, which says how many are missing: returns their number. */
static unsigned long read_gap(const char *path, char rest[static 64])
{
	cleanup(close_file) FILE *stream = fopen(path, "re");
	char line[256] = "";
	const char *lines;

	assert_non_null(stream);
	rest[0] = '\0';
	assert_non_null(fgets(line, sizeof(line), stream));
	lines = strstr(line, "\"event\":\"lost\",\"lines\":");
	assert_non_null(lines);
	if (!fgets(rest, 64, stream))
		rest[0] = '\0';
	return strtoul(strrchr(lines, ':') + 1, NULL, 10);
}

static void test_lines_in_order(void **state)
{
	struct audit_log *log = open_log();
	struct stat status;

	(void)state;
	write_text(log, "early\n");
	assert_int_equal(audit_log_start(log), 0);
	write_text(log, "one\n");
	write_text(log, "two\n");
	audit_log_close(log);
	assert_holds(file, "early\none\ntwo\n");
	assert_int_equal(stat(file, &status), 0);
	assert_int_equal(status.st_mode & 0137, 0); /* for nobody but owner and group */
	log = open_log();
	write_text(log, "three\n");
	assert_int_equal(audit_log_start(log), 0);
	audit_log_close(log);
	assert_holds(file, "early\none\ntwo\nthree\n");
	assert_int_equal(reports, 0);
}

static void test_reopened(void **state)
{
	struct audit_log *log = open_log();

	(void)state;
	assert_int_equal(audit_log_start(log), 0);
	assert_int_equal(rename(file, moved), 0);
	audit_log_reopen(log);
	write_text(log, "new\n");
	audit_log_close(log);
	assert_holds(moved, "");
	assert_holds(file, "new\n");
}

/* What cannot be opened anew leaves the old file in use. */
static void test_not_reopened(void **state)
{
	struct audit_log *log = open_log();

	(void)state;
	assert_int_equal(audit_log_start(log), 0);
	assert_int_equal(rename(file, moved), 0);
	assert_int_equal(mkdir(file, 0700), 0);
	audit_log_reopen(log);
	write_text(log, "old\n");
	audit_log_close(log);
	rmdir(file);
	assert_holds(moved, "old\n");
	assert_int_equal(reports, 1);
	assert_int_equal(last_error, -EISDIR);
	assert_int_equal(last_lost, 0);
}

static void test_full_disk(void **state)
{
	struct audit_log *log;
	char rest[64];

	(void)state;
	assert_int_equal(symlink("/dev/full", file), 0);
	log = open_log();
	assert_int_equal(audit_log_start(log), 0);
	write_text(log, "lost\n");
	wait_report(1);
	assert_int_equal(last_error, -ENOSPC);
	write_text(log, "lost, too\n");
	assert_int_equal(unlink(file), 0);
	audit_log_reopen(log);
	write_text(log, "kept\n");
	audit_log_close(log);
	/* The second one may have found the disk full or not; nobody is told again. */
	assert_int_equal(reports, 2);
	assert_int_equal(last_error, 0);
	assert_in_range(last_lost, 1, 2);
	assert_int_equal(read_gap(file, rest), last_lost);
	assert_string_equal(rest, last_lost == 1 ? "lost, too\n" : "kept\n");
}

static void test_too_fast(void **state)
{
	const size_t room = AUDIT_LOG_QUEUE_MAX / 5;
	struct audit_log *log = open_log();
	struct stat status;

	(void)state;
	for (size_t i = 0; i < room + 7; i++)
		write_text(log, "line\n");
	assert_int_equal(audit_log_start(log), 0);
	wait_report(1);
	assert_int_equal(last_error, -ENOBUFS);
	assert_int_equal(last_lost, 7);
	audit_log_close(log);
	assert_int_equal(stat(file, &status), 0);
	assert_true((size_t)status.st_size > room * 5);
}

static void test_cannot_be_opened(void **state)
{
	const struct audit_log_options options = {.path = "/no/such/folder/audit"};
	struct audit_log *log = NULL;

	(void)state;
	assert_int_equal(audit_log_open(&options, &log), -ENOENT);
	assert_null(log);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_lines_in_order), CASE(test_reopened), CASE(test_not_reopened),
		CASE(test_full_disk),	   CASE(test_too_fast), CASE(test_cannot_be_opened),
	};

	return cmocka_run_group_tests(tests, set_up_folder, tear_down_folder);
}
