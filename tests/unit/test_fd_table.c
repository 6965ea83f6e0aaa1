/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "rpc/fd_table.h"

#define FIRST 300
#define REST 60000

static struct fd_table *new_table(int numbers, size_t connections)
{
	const struct fd_table_options options = {
		.first = FIRST,
		.end = FIRST + numbers,
		.connections = connections,
		.of_user = 2,
		.rest_ms = REST,
	};
	struct fd_table *table;

	assert_int_equal(fd_table_new(&options, &table), 0);
	return table;
}

/* A new socket of this user; what fd_table_place() answered. */
static int place(struct fd_table *table, uid_t uid, int64_t now_ms)
{
	const struct ucred peer = {.uid = uid, .gid = uid + 1, .pid = 4711};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), number;

	assert_true(fd >= 0);
	number = fd_table_place(table, fd, &peer, now_ms);
	if (number < 0)
		close(fd);
	else
		assert_int_equal(fcntl(fd, F_GETFD), -1);
	return number;
}

static void expect_owner(struct fd_table *table, int number, uid_t uid)
{
	struct ucred peer;

	assert_true(fd_table_find(table, number, &peer));
	assert_int_equal(peer.uid, uid);
	assert_int_equal(peer.gid, uid + 1);
	assert_int_equal(peer.pid, 4711);
}

static void numbers_go_round(void **state)
{
	struct fd_table *table = new_table(3, 10);
	struct ucred peer;

	(void)state;
	assert_int_equal(place(table, 1, 0), FIRST);
	assert_int_equal(fcntl(FIRST, F_GETFD), FD_CLOEXEC);
	/* Free again, but not in turn. */
	close(FIRST);
	assert_int_equal(place(table, 2, 1), FIRST + 1);
	assert_int_equal(place(table, 3, 2), FIRST + 2);
	expect_owner(table, FIRST + 1, 2);
	expect_owner(table, FIRST + 2, 3);
	/* A late call of the closed connection is still its own. */
	expect_owner(table, FIRST, 1);
	assert_false(fd_table_find(table, FIRST - 1, &peer));
	assert_false(fd_table_find(table, FIRST + 3, &peer));
	assert_false(fd_table_find(table, -1, &peer));
	close(FIRST + 1);
	close(FIRST + 2);
	fd_table_free(table);
}

/* The rest begins when the connection was seen closed, however long it was open. */
static void closed_numbers_rest(void **state)
{
	struct fd_table *table = new_table(2, 10);

	(void)state;
	assert_int_equal(place(table, 1, 0), FIRST);
	assert_int_equal(place(table, 2, 0), FIRST + 1);
	close(FIRST);
	assert_int_equal(place(table, 3, 10 * REST), -ENFILE);
	assert_int_equal(place(table, 3, 11 * REST - 1), -ENFILE);
	expect_owner(table, FIRST, 1);
	assert_int_equal(place(table, 3, 11 * REST), FIRST);
	expect_owner(table, FIRST, 3);
	close(FIRST);
	close(FIRST + 1);
	fd_table_free(table);
}

static void others_numbers_are_left_alone(void **state)
{
	struct fd_table *table = new_table(2, 10);

	(void)state;
	assert_int_equal(dup2(STDERR_FILENO, FIRST), FIRST);
	assert_int_equal(place(table, 1, 0), FIRST + 1);
	assert_int_equal(place(table, 1, 0), -ENFILE);
	close(FIRST);
	close(FIRST + 1);
	fd_table_free(table);
}

static void one_user_leaves_room_for_others(void **state)
{
	struct fd_table *table = new_table(10, 4);

	(void)state;
	assert_int_equal(place(table, 1, 0), FIRST);
	assert_int_equal(place(table, 1, 0), FIRST + 1);
	assert_int_equal(place(table, 1, 0), -EMFILE);
	assert_int_equal(place(table, 2, 0), FIRST + 2);
	/* Its place is its own again once its connection was seen closed. */
	close(FIRST);
	assert_int_equal(place(table, 1, 0), FIRST + 3);
	assert_int_equal(place(table, 1, 0), -EMFILE);
	for (int number = FIRST + 1; number <= FIRST + 3; number++)
		close(number);
	fd_table_free(table);
}

static void connections_are_bounded(void **state)
{
	struct fd_table *table = new_table(10, 2);

	(void)state;
	assert_int_equal(place(table, 1, 0), FIRST);
	assert_int_equal(place(table, 1, 0), FIRST + 1);
	assert_int_equal(place(table, 1, 0), -EMFILE);
	close(FIRST);
	assert_int_equal(place(table, 1, 0), FIRST + 2);
	/* Closed, and the number is another file's by now. */
	close(FIRST + 1);
	assert_int_equal(dup2(STDERR_FILENO, FIRST + 1), FIRST + 1);
	assert_int_equal(place(table, 1, 0), FIRST + 3);
	for (int number = FIRST + 1; number <= FIRST + 3; number++)
		close(number);
	fd_table_free(table);
}

/* The limit of descriptors may lie inside the range. */
static void limit_inside_the_range(void **state)
{
	struct fd_table *table = new_table(100, 100);
	struct rlimit before, low;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	low = before;
	low.rlim_cur = FIRST + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_int_equal(place(table, 1, 0), FIRST);
	assert_int_equal(place(table, 1, 0), -ENFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(place(table, 1, 0), FIRST + 1);
	close(FIRST);
	close(FIRST + 1);
	fd_table_free(table);
}

static void empty_range(void **state)
{
	const struct fd_table_options options = {.first = 256, .end = 256};
	struct fd_table *table;

	(void)state;
	assert_int_equal(fd_table_new(&options, &table), -EINVAL);
	fd_table_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_go_round),
		cmocka_unit_test(closed_numbers_rest),
		cmocka_unit_test(others_numbers_are_left_alone),
		cmocka_unit_test(connections_are_bounded),
		cmocka_unit_test(one_user_leaves_room_for_others),
		cmocka_unit_test(limit_inside_the_range),
		cmocka_unit_test(empty_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
