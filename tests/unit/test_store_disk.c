/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks that fail: full, read-only, and at any single system call; and processes that are
 * killed. This program's own write functions stand in front of the C library's, so that
 * LMDB's calls fail when the test says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store_fixture.h"

/* ---- system calls that fail ---- */

static int calls_until_failure; /* 0: none fails */
static int failure; /* errno */
static bool lasting; /* all the others fail too */

static bool fails(void)
{
	if (calls_until_failure == 0 || --calls_until_failure > 0)
		return false;
	if (lasting)
		calls_until_failure = 1;
	errno = failure;
	return true;
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
	return fails() ? -1 : syscall(SYS_pwrite64, fd, bytes, size, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int n)
{
	return fails() ? -1 : syscall(SYS_writev, fd, parts, n);
}

static unsigned int syncs;

int fdatasync(int fd)
{
	syncs++;
	return fails() ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int ftruncate(int fd, off_t size)
{
	return fails() ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

/* A disk that has gone bad is one that cannot be opened for writing either. */
int open(const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	va_start(arguments, flags);
	mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
	va_end(arguments);
	if (lasting && calls_until_failure == 1 && (flags & O_ACCMODE) != O_RDONLY) {
		errno = EROFS;
		return -1;
	}
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

/* A transaction that needs several of each, with a larger map. */
static int commit_many(struct store *store, uint64_t first, uint64_t last)
{
	int r = store_begin(store);

	if (r < 0)
		return r;
	for (uint64_t revision = first; revision <= last; revision++)
		put(store, revision, 0);
	return store_commit(store);
}

enum { MANY = 12000 };

/* The n-th call of a commit fails: nothing of it is kept, nothing else is lost, and the next
 * commit works, in this process and in the next one. True: there was an n-th call. */
static bool fail_call(int n, int error, bool all_others)
{
	struct store_fixture *fixture;
	void *state;
	bool was_hit;
	int r;

	fixture_set_up(&state);
	fixture = state;
	commit_marks(fixture->store, 1, 100);
	failure = error;
	lasting = all_others;
	calls_until_failure = n;
	r = commit_many(fixture->store, 101, MANY);
	was_hit = calls_until_failure == 0 || r < 0;
	if (r < 0 && all_others) { /* what is there can be read all the time */
		assert_int_equal(count_records(fixture->store), 100);
		assert_true(commit_many(fixture->store, 101, MANY) < 0);
		assert_int_equal(count_records(fixture->store), 100);
	}
	calls_until_failure = 0;
	if (was_hit && r == 0)
		fail_msg("call %d failed, and the commit did not", n);
	if (r < 0) {
		if (r != -error && r != -EIO)
			fail_msg("call %d: %d", n, r);
		assert_int_equal(store_revision(fixture->store), 100);
		assert_int_equal(commit_many(fixture->store, 101, MANY), 0);
	}
	assert_int_equal(count_records(fixture->store), MANY);
	fixture_reopen(fixture);
	assert_int_equal(count_records(fixture->store), MANY);
	fixture_tear_down(&state);
	return was_hit;
}

static void fail_every_call(int error, bool all_others)
{
	int n = 1;

	while (fail_call(n, error, all_others))
		n++;
	assert_true(n > 5);
}

static void test_every_call_fails_once(void **state)
{
	(void)state;
	fail_every_call(EIO, false);
	fail_every_call(ENOSPC, false);
}

static void test_every_call_fails_from_then_on(void **state)
{
	(void)state;
	fail_every_call(EIO, true);
}

static void test_a_commit_is_synced(void **state)
{
	struct store_fixture *fixture = *state;

	for (uint64_t revision = 1; revision <= 10; revision++) {
		unsigned int before = syncs;

		commit_marks(fixture->store, revision, revision);
		assert_true(syncs > before);
	}
}

/* ---- file systems ---- */

/* A file system of its own; its mounts are this process's. */
static void mount_over(const char *directory, const char *options)
{
	assert_int_equal(mount("none", directory, "tmpfs", 0, options), 0);
}

static bool can_mount(void)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static void fill_disk(const char *file)
{
	static const char zeros[4096];
	int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	while (write(fd, zeros, sizeof(zeros)) > 0)
		;
	assert_int_equal(errno, ENOSPC);
	close(fd);
}

static void shorten(const char *file, off_t size)
{
	struct stat status;

	assert_int_equal(stat(file, &status), 0);
	assert_int_equal(truncate(file, status.st_size - size), 0);
}

static void test_full_disk(void **state)
{
	struct store_fixture fixture = {.store = NULL};
	char filler[96];
	uint64_t head = 0;
	int r = 0;

	(void)state;
	if (!can_mount())
		skip();
	make_directory(fixture.directory);
	mount_over(fixture.directory, "size=2m");
	snprintf(filler, sizeof(filler), "%s/filler", fixture.directory);
	fixture_open(&fixture);
	commit_marks(fixture.store, 1, 10);
	fill_disk(filler);
	for (head = 10; r == 0 && head < 100000; head += 500)
		r = commit_many(fixture.store, head + 1, head + 500);
	head = store_revision(fixture.store);
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(count_records(fixture.store), head);
	/* With room for a part of it, writes are not refused but cut. */
	for (r = -ENOSPC; r == -ENOSPC;) {
		assert_int_equal(count_records(fixture.store), head);
		shorten(filler, 4096);
		r = commit_many(fixture.store, head + 1, head + 500);
	}
	assert_int_equal(r, 0);
	head += 500;

	/* What is asked for by an empty one is whether the last that was refused could be. */
	fill_disk(filler);
	for (r = 0; r == 0; head += r == 0 ? 500 : 0)
		r = commit_many(fixture.store, head + 1, head + 500);
	assert_int_equal(r, -ENOSPC);
	begin(fixture.store);
	assert_int_equal(store_commit(fixture.store), -ENOSPC);
	assert_int_equal(unlink(filler), 0);
	begin(fixture.store);
	commit(fixture.store);
	assert_int_equal(store_revision(fixture.store), head);
	assert_int_equal(commit_many(fixture.store, head + 1, head + 500), 0);
	fixture_reopen(&fixture);
	assert_int_equal(count_records(fixture.store), head + 500);
	fixture_close(&fixture);
	assert_int_equal(umount(fixture.directory), 0);
	remove_directory(fixture.directory);
}

static void test_no_room_for_a_new_one(void **state)
{
	struct store_fixture fixture = {.store = NULL};
	char filler[96], error[STORE_ERROR_MAX];

	(void)state;
	if (!can_mount())
		skip();
	make_directory(fixture.directory);
	mount_over(fixture.directory, "size=64k");
	snprintf(filler, sizeof(filler), "%s/filler", fixture.directory);
	fill_disk(filler);
	assert_int_equal(fixture_open_error(&fixture, error), -ENOSPC);
	assert_non_null(strstr(error, fixture.directory));
	assert_int_equal(umount(fixture.directory), 0);
	remove_directory(fixture.directory);
}

static void test_read_only_disk(void **state)
{
	struct store_fixture fixture = {.store = NULL};
	char error[STORE_ERROR_MAX];

	(void)state;
	if (!can_mount())
		skip();
	make_directory(fixture.directory);
	mount_over(fixture.directory, "size=2m");
	fixture_open(&fixture);
	commit_marks(fixture.store, 1, 10);
	fixture_close(&fixture);
	assert_int_equal(mount(NULL, fixture.directory, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	assert_int_equal(fixture_open_error(&fixture, error), -EROFS);
	assert_non_null(strstr(error, "Read-only file system"));
	assert_int_equal(umount(fixture.directory), 0);
	remove_directory(fixture.directory);
}

/* ---- kill -9 ---- */

/* Commits until it dies, and says after each how far it has come. */
static _Noreturn void commit_for_ever(struct store_fixture *fixture, int fd)
{
	char error[STORE_ERROR_MAX];

	if (fixture_open_error(fixture, error) < 0)
		_exit(1);
	for (;;) {
		uint64_t head = store_revision(fixture->store);

		if (commit_many(fixture->store, head + 1, head + 50) < 0)
			_exit(2);
		head += 50;
		if (write(fd, &head, sizeof(head)) != (ssize_t)sizeof(head))
			_exit(3);
	}
}

/* Lets it come so far, kills it, and answers the last revision that it has told. */
static uint64_t kill_writer(struct store_fixture *fixture, uint64_t after)
{
	uint64_t head = 0, told;
	int pipe_fds[2], status;
	pid_t pid;

	assert_int_equal(pipe(pipe_fds), 0);
	pid = fork();
	if (pid == 0)
		commit_for_ever(fixture, pipe_fds[1]);
	close(pipe_fds[1]);
	while (head < after && read(pipe_fds[0], &told, sizeof(told)) == (ssize_t)sizeof(told))
		head = told;
	kill(pid, SIGKILL);
	while (read(pipe_fds[0], &told, sizeof(told)) == (ssize_t)sizeof(told))
		head = told;
	close(pipe_fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return head;
}

static void test_killed_writer(void **state)
{
	struct store_fixture *fixture = *state;
	uint64_t head = 0;

	for (int i = 0; i < 20; i++) {
		uint64_t told;

		fixture_close(fixture);
		told = kill_writer(fixture, head + 300 + 50 * (uint64_t)i);
		fixture_open(fixture);
		head = store_revision(fixture->store);
		assert_true(head == told || head == told + 50);
		assert_int_equal(count_records(fixture->store), head);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_call_fails_once),
		cmocka_unit_test(test_every_call_fails_from_then_on),
		cmocka_unit_test_setup_teardown(test_a_commit_is_synced, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_killed_writer, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_no_room_for_a_new_one),
		cmocka_unit_test(test_read_only_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
