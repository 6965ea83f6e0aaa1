/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe against listeners that hang in every way, and against a whole server.
 */
#include "rpc_fixture.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "rpc/probe.h"

#define WAIT_MS 10000

/* A listener of which the test plays the server. */
struct door {
	int fd, client;
	struct probe probe;
};

static void door_init(struct door *door, bool tls)
{
	struct sockaddr_un *address = (struct sockaddr_un *)&door->probe.address;

	memset(door, 0, sizeof(*door));
	door->probe.tls = tls;
	door->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	address->sun_family = AF_UNIX;
	door->probe.length = sizeof(*address);
	/* The kernel gives it an abstract name. */
	assert_int_equal(bind(door->fd, (struct sockaddr *)address, sizeof(sa_family_t)), 0);
	assert_int_equal(listen(door->fd, 1), 0);
	assert_int_equal(getsockname(door->fd, (struct sockaddr *)address, &door->probe.length),
			 0);
}

static void door_accept(struct door *door)
{
	door->client = accept(door->fd, NULL, NULL);
	assert_true(door->client >= 0);
}

static void door_done(struct door *door)
{
	probe_done(&door->probe);
	close(door->fd);
}

static void wait_for(int fd)
{
	struct pollfd polled = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&polled, 1, WAIT_MS), 1);
}

static void without_a_question_all_is_well(void **state)
{
	struct probe probe = {.fd = 0};

	(void)state;
	assert_true(probe_is_answered(&probe));
}

static void nobody_accepts(void **state)
{
	struct door door;

	(void)state;
	door_init(&door, false);
	probe_ask(&door.probe);
	assert_false(probe_is_answered(&door.probe));
	door_done(&door);
	/* Nobody listens any more. */
	probe_ask(&door.probe);
	assert_false(probe_is_answered(&door.probe));
	probe_done(&door.probe);
}

/* The transport alone, which greets by itself, is no answer to a call. */
static void only_the_call_counts(void **state)
{
	static const uint8_t greeting[] = {0, 0, 0, 4, 0, 0, 0, 0, 0};
	static const uint8_t window[] = {0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 1, 0, 0};
	static const uint8_t headers[] = {0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88};
	struct door door;

	(void)state;
	door_init(&door, false);
	probe_ask(&door.probe);
	door_accept(&door);
	assert_false(probe_is_answered(&door.probe));
	assert_int_equal(write(door.client, greeting, sizeof(greeting)), sizeof(greeting));
	assert_int_equal(write(door.client, window, sizeof(window)), sizeof(window));
	wait_for(door.probe.fd);
	assert_false(probe_is_answered(&door.probe));
	/* Half a head, and the rest. */
	assert_int_equal(write(door.client, headers, 5), 5);
	assert_false(probe_is_answered(&door.probe));
	assert_int_equal(write(door.client, headers + 5, sizeof(headers) - 5),
			 sizeof(headers) - 5);
	assert_true(probe_is_answered(&door.probe));
	close(door.client);
	door_done(&door);
}

static void whoever_is_turned_away_was_seen(void **state)
{
	struct door door;

	(void)state;
	door_init(&door, false);
	probe_ask(&door.probe);
	door_accept(&door);
	close(door.client);
	wait_for(door.probe.fd);
	assert_true(probe_is_answered(&door.probe));
	door_done(&door);
}

/* Our end of the connection arrives; theirs is the answer. */
static void behind_tls_the_end_counts(void **state)
{
	struct door door;
	char octet;

	(void)state;
	door_init(&door, true);
	probe_ask(&door.probe);
	door_accept(&door);
	assert_int_equal(read(door.client, &octet, 1), 0);
	assert_false(probe_is_answered(&door.probe));
	close(door.client);
	assert_true(probe_is_answered(&door.probe));
	door_done(&door);
}

/* By every listener of the fixture; it has a unix socket and a plaintext port. */
static void a_server_answers(void **state)
{
	struct rpc_fixture *fixture = *state;
	const char *silent = "";

	assert_null(rpc_server_probe(fixture->server));
	/* Answers wait until they are looked at: nothing tells when they are there. */
	for (int ms = 1; silent && ms < WAIT_MS; ms *= 2) {
		poll(NULL, 0, ms);
		silent = rpc_server_probe(fixture->server);
	}
	assert_null(silent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_question_all_is_well),
		cmocka_unit_test(nobody_accepts),
		cmocka_unit_test(only_the_call_counts),
		cmocka_unit_test(whoever_is_turned_away_was_seen),
		cmocka_unit_test(behind_tls_the_end_counts),
		cmocka_unit_test_setup_teardown(a_server_answers, rpc_fixture_setup,
						rpc_fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
