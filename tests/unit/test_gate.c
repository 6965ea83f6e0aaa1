/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate before the C core's TCP listeners, on listeners of our own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "rpc/gate.h"
#include "rpc/limits.h"

#define WAIT_MS 10000

struct door {
	int fd;
	struct sockaddr_in address;
};

static struct door door_new(void)
{
	struct door door = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0),
			    .address = {.sin_family = AF_INET}};
	socklen_t size = sizeof(door.address);

	door.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(door.fd, (struct sockaddr *)&door.address, size), 0);
	assert_int_equal(listen(door.fd, 64), 0);
	assert_int_equal(getsockname(door.fd, (struct sockaddr *)&door.address, &size), 0);
	return door;
}

/* A connection from 127.0.0.`host`. */
static int knock(const struct door *door, unsigned int host)
{
	struct sockaddr_in from = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	from.sin_addr.s_addr = htonl(0x7F000000 + host);
	assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(
		connect(fd, (const struct sockaddr *)&door->address, sizeof(door->address)), 0);
	return fd;
}

/* As the C core does: until there is nothing more. */
static int let_in(const struct door *door)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);

	return accept4(door->fd, (struct sockaddr *)&address, &size, SOCK_CLOEXEC);
}

static void expect_nobody(const struct door *door)
{
	assert_int_equal(let_in(door), -1);
	assert_int_equal(errno, EAGAIN);
}

static void expect_turned_away(int fd)
{
	struct pollfd polled = {.fd = fd, .events = POLLIN};
	char octet;

	assert_int_equal(poll(&polled, 1, WAIT_MS), 1);
	assert_int_equal(recv(fd, &octet, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	close(fd);
}

/* Room for three, two of one peer; everybody else of other tests has gone. */
static struct door door_with_gate(void)
{
	struct door door = door_new();

	assert_int_equal(gate_open(3, 2), 0);
	usleep(RPC_GATE_LOOK_MS * 1000); /* it looks no more often: not an event to wait for */
	return door;
}

static void a_peer_has_its_share(void **state)
{
	const struct door door = door_with_gate();
	const uint64_t before = gate_refusals().peer;
	int clients[4], in[3];

	(void)state;
	for (size_t i = 0; i < 3; i++)
		clients[i] = knock(&door, 1);
	in[0] = let_in(&door);
	in[1] = let_in(&door);
	assert_true(in[0] >= 0 && in[1] >= 0);
	expect_nobody(&door);
	expect_turned_away(clients[2]);
	assert_int_equal(gate_refusals().peer, before + 1);
	/* Another peer is not concerned, and whoever leaves makes room. */
	clients[2] = knock(&door, 2);
	in[2] = let_in(&door);
	assert_true(in[2] >= 0);
	close(in[0]);
	clients[3] = knock(&door, 1);
	in[0] = let_in(&door);
	assert_true(in[0] >= 0);
	for (size_t i = 0; i < 3; i++)
		close(in[i]);
	for (size_t i = 0; i < 4; i++)
		close(clients[i]);
	close(door.fd);
}

static void all_peers_have_a_limit(void **state)
{
	const struct door door = door_with_gate();
	const uint64_t before = gate_refusals().full;
	int clients[4], in[3];

	(void)state;
	for (unsigned int i = 0; i < 4; i++)
		clients[i] = knock(&door, 1 + i);
	for (size_t i = 0; i < 3; i++) {
		in[i] = let_in(&door);
		assert_true(in[i] >= 0);
	}
	expect_nobody(&door);
	expect_turned_away(clients[3]);
	assert_int_equal(gate_refusals().full, before + 1);
	for (size_t i = 0; i < 3; i++) {
		close(in[i]);
		close(clients[i]);
	}
	close(door.fd);
}

/* What ends a listener of the C core for good, if accept4() answers it. */
static void without_descriptors_it_turns_away(void **state)
{
	const struct door door = door_with_gate();
	const uint64_t before = gate_refusals().descriptors;
	const int client = knock(&door, 1), spare = dup(door.fd);
	struct rlimit limit, low;
	int again, in;

	(void)state;
	close(spare); /* the lowest free number */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = (struct rlimit){.rlim_cur = (rlim_t)spare, .rlim_max = limit.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	expect_nobody(&door);
	expect_turned_away(client);
	assert_int_equal(gate_refusals().descriptors, before + 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	again = knock(&door, 1);
	in = let_in(&door);
	assert_true(in >= 0);
	close(again);
	close(in);
	close(door.fd);
}

/* The unix listener has its own loop and limits. */
static void other_sockets_are_none_of_its_business(void **state)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	const struct door door = {.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)};
	socklen_t size = sizeof(name);
	int clients[5], in[5];

	(void)state;
	assert_int_equal(gate_open(3, 2), 0);
	/* The kernel gives it an abstract name. */
	assert_int_equal(bind(door.fd, (struct sockaddr *)&name, sizeof(sa_family_t)), 0);
	assert_int_equal(listen(door.fd, 64), 0);
	assert_int_equal(getsockname(door.fd, (struct sockaddr *)&name, &size), 0);
	for (size_t i = 0; i < 5; i++) {
		clients[i] = socket(AF_UNIX, SOCK_STREAM, 0);
		assert_int_equal(connect(clients[i], (struct sockaddr *)&name, size), 0);
		in[i] = let_in(&door);
		assert_true(in[i] >= 0);
	}
	for (size_t i = 0; i < 5; i++) {
		close(clients[i]);
		close(in[i]);
	}
	close(door.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_peer_has_its_share),
		cmocka_unit_test(all_peers_have_a_limit),
		cmocka_unit_test(without_descriptors_it_turns_away),
		cmocka_unit_test(other_sockets_are_none_of_its_business),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
