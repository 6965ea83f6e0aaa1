/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "rpc/unix_listener.h"

static char directory[64], path[80], other_path[80];

static int setup(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/waymark-unix-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/socket", directory);
	snprintf(other_path, sizeof(other_path), "%s/other", directory);
	return 0;
}

/* Nothing is left behind but what the test itself has made. */
static int teardown(void **state)
{
	(void)state;
	unlink(other_path);
	return rmdir(directory);
}

static struct sockaddr_un address_of(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	memcpy(address.sun_path, name, strlen(name));
	return address;
}

static int new_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	return fd;
}

static void dial(int fd)
{
	struct sockaddr_un address = address_of(path);

	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
}

/* A socket at `name` that is bound; nobody need listen. */
static int bind_at(const char *name)
{
	struct sockaddr_un address = address_of(name);
	int fd = new_socket();

	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* Says who it is and hangs up. */
static void greet(void *user, int fd, const struct ucred *peer)
{
	(void)user;
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(write(fd, peer, sizeof(*peer)), sizeof(*peer));
	close(fd);
}

static void expect_greeting(int fd)
{
	struct ucred peer;

	assert_int_equal(read(fd, &peer, sizeof(peer)), sizeof(peer));
	assert_int_equal(peer.uid, getuid());
	assert_int_equal(peer.gid, getgid());
	assert_int_equal(peer.pid, getpid());
	close(fd);
}

static struct unix_listener *start(void)
{
	struct unix_listener *listener;

	assert_int_equal(unix_listener_new(path, &listener), 0);
	assert_int_equal(unix_listener_start(listener, greet, NULL), 0);
	return listener;
}

static void peers_are_known(void **state)
{
	struct unix_listener *listener = start();
	struct stat status;

	(void)state;
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode, S_IFSOCK | 0660);
	for (int i = 0; i < 1000; i++) {
		int fd = new_socket();

		dial(fd);
		expect_greeting(fd);
	}
	unix_listener_free(listener);
	assert_int_equal(stat(path, &status), -1);
}

static void living_socket_is_not_stolen(void **state)
{
	struct unix_listener *listener = start(), *second;
	int fd = new_socket();

	(void)state;
	assert_int_equal(unix_listener_new(path, &second), -EADDRINUSE);
	dial(fd);
	expect_greeting(fd);
	unix_listener_free(listener);
	/* Its place is free now. */
	unix_listener_free(start());
}

/* Of a server that is none of ours and holds no lock. */
static void foreign_socket_is_not_stolen(void **state)
{
	struct unix_listener *listener;
	int fd = bind_at(path);

	(void)state;
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(unix_listener_new(path, &listener), -EADDRINUSE);
	close(fd);
	unlink(path);
}

static void dead_socket_is_replaced(void **state)
{
	struct unix_listener *listener;
	int fd;

	(void)state;
	close(bind_at(path));
	listener = start();
	fd = new_socket();
	dial(fd);
	expect_greeting(fd);
	unix_listener_free(listener);
}

static void other_files_are_left_alone(void **state)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	struct unix_listener *listener;
	struct stat status;

	(void)state;
	close(fd);
	assert_int_equal(unix_listener_new(path, &listener), -ENOTSOCK);
	assert_int_equal(stat(path, &status), 0);
	unlink(path);
	assert_int_equal(symlink(other_path, path), 0);
	assert_int_equal(unix_listener_new(path, &listener), -ENOTSOCK);
	unlink(path);
}

/* Somebody has put a socket of their own in our place. */
static void only_our_own_path_is_removed(void **state)
{
	struct unix_listener *listener = start();
	struct stat status;

	(void)state;
	close(bind_at(other_path));
	assert_int_equal(rename(other_path, path), 0);
	unix_listener_free(listener);
	assert_int_equal(stat(path, &status), 0);
	unlink(path);
}

static void bad_paths(void **state)
{
	struct unix_listener *listener;
	char name[200];

	(void)state;
	memset(name, 'a', sizeof(name) - 1);
	name[0] = '/';
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(unix_listener_new(name, &listener), -ENAMETOOLONG);
	/* The socket's folder is made, none above it. */
	snprintf(name, sizeof(name), "%s/no/folder/socket", directory);
	assert_int_equal(unix_listener_new(name, &listener), -ENOENT);
	unix_listener_free(NULL);
}

static void missing_folder_is_made(void **state)
{
	struct unix_listener *listener;
	char folder[80], name[96];

	(void)state;
	snprintf(folder, sizeof(folder), "%s/run", directory);
	snprintf(name, sizeof(name), "%s/socket", folder);
	assert_int_equal(unix_listener_new(name, &listener), 0);
	unix_listener_free(listener);
	assert_int_equal(rmdir(folder), 0);
}

/* With no descriptor left, connections are refused at once, and later ones are served. */
static void descriptors_run_out(void **state)
{
	enum { CLIENTS = 20 };
	struct unix_listener *listener = start();
	struct rlimit before, low;
	int clients[CLIENTS], lowest;
	char byte;

	(void)state;
	for (int i = 0; i < CLIENTS; i++)
		clients[i] = new_socket();
	lowest = dup(STDERR_FILENO);
	close(lowest);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	low = before;
	low.rlim_cur = (rlim_t)lowest;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	for (int i = 0; i < CLIENTS; i++) {
		dial(clients[i]);
		assert_int_equal(read(clients[i], &byte, 1), 0);
		/* Not closed: that would give a number back. */
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	for (int i = 0; i < CLIENTS; i++)
		close(clients[i]);
	clients[0] = new_socket();
	dial(clients[0]);
	expect_greeting(clients[0]);
	unix_listener_free(listener);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(peers_are_known),
		test(living_socket_is_not_stolen),
		test(foreign_socket_is_not_stolen),
		test(dead_socket_is_replaced),
		test(other_files_are_left_alone),
		test(only_our_own_path_is_removed),
		test(bad_paths),
		test(missing_folder_is_made),
		test(descriptors_run_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
