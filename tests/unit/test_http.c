/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ops/http.h"

/* More than a socket takes at once. */
#define LARGE (8 * 1024 * 1024)

struct fixture {
	struct event_base *base;
	struct http *http;
	int listener;
	struct sockaddr_un address;
	socklen_t length;
	int answer; /* of the page */
	size_t size;
	unsigned int pages; /* that were asked for */
};

static int write_page(void *user, char **ret_text, size_t *ret_size)
{
	struct fixture *fixture = user;

	fixture->pages++;
	if (fixture->answer < 0)
		return fixture->answer;
	*ret_text = malloc(fixture->size);
	assert_non_null(*ret_text);
	memset(*ret_text, 'x', fixture->size);
	*ret_size = fixture->size;
	return 0;
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct http_options options = {.path = "/metrics",
				       .type = "text/plain; version=0.0.4",
				       .page = write_page,
				       .user = fixture};

	fixture->size = 5;
	fixture->base = options.base = event_base_new();
	fixture->listener = options.listener =
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	fixture->address.sun_family = AF_UNIX;
	fixture->length = sizeof(fixture->address);
	/* Without a name the kernel gives it one. */
	if (bind(fixture->listener, (struct sockaddr *)&fixture->address, sizeof(sa_family_t)) <
		    0 ||
	    listen(fixture->listener, 128) < 0 ||
	    getsockname(fixture->listener, (struct sockaddr *)&fixture->address,
			&fixture->length) < 0)
		return -1;
	*state = fixture;
	return http_new(&options, &fixture->http);
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	http_free(fixture->http);
	close(fixture->listener);
	event_base_free(fixture->base);
	free(fixture);
	return 0;
}

static int dial(const struct fixture *fixture)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_equal(
		connect(fd, (const struct sockaddr *)&fixture->address, fixture->length), 0);
	return fd;
}

static void say(int fd, const char *text, size_t size)
{
	assert_int_equal(send(fd, text, size, MSG_NOSIGNAL), size);
}

/* What there is to do now. */
static void run(const struct fixture *fixture)
{
	event_base_loop(fixture->base, EVLOOP_NONBLOCK);
}

/* Lets it work until the connection has ended; returns what came. The loop is given time to
 * come to an end only by itself. */
static size_t hear(const struct fixture *fixture, int fd, char *text, size_t room)
{
	size_t used = 0;

	for (;;) {
		ssize_t n = recv(fd, text + used, room - 1 - used, 0);

		if (n == 0)
			break;
		if (n > 0)
			used += (size_t)n;
		else
			assert_int_equal(event_base_loop(fixture->base, EVLOOP_ONCE), 0);
	}
	text[used] = '\0';
	return used;
}

static void check_answer(struct fixture *fixture, const char *request, size_t size,
			 const char *begin, const char *end)
{
	static char text[4096];
	int fd = dial(fixture);
	size_t length;

	say(fd, request, size);
	length = hear(fixture, fd, text, sizeof(text));
	close(fd);
	run(fixture);
	if (strncmp(text, begin, strlen(begin)) != 0 || length < strlen(end) ||
	    strcmp(text + length - strlen(end), end) != 0)
		fail_msg("%s: %s", request, text);
}

#define HEAD(status, type, size)                                                 \
	"HTTP/1.1 " status "\r\nContent-Type: " type "\r\nContent-Length: " size \
	"\r\nConnection: close\r\nCache-Control: no-store\r\n"
#define PAGE HEAD("200 OK", "text/plain; version=0.0.4", "5")

static const struct {
	const char *request, *begin, *end;
} requests[] = {
	{"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", PAGE, "\r\n\r\nxxxxx"},
	{"GET /metrics HTTP/1.0\r\n\r\n", PAGE, "\r\n\r\nxxxxx"},
	{"GET /metrics HTTP/1.0\n\n", PAGE, "\r\n\r\nxxxxx"},
	{"GET /metrics?x=y HTTP/1.1\r\n\r\n", PAGE, "\r\n\r\nxxxxx"},
	{"HEAD /metrics HTTP/1.1\r\n\r\n", PAGE, "no-store\r\n\r\n"},
	{"GET /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", PAGE, "\r\n\r\nxxxxx"},
	{"GET / HTTP/1.1\r\n\r\n", HEAD("404 Not Found", "text/plain", "10"), "Not Found\n"},
	{"HEAD / HTTP/1.1\r\n\r\n", HEAD("404 Not Found", "text/plain", "10"), "\r\n\r\n"},
	{"GET /metrics2 HTTP/1.1\r\n\r\n", "HTTP/1.1 404 ", "\n"},
	{"GET /metric HTTP/1.1\r\n\r\n", "HTTP/1.1 404 ", "\n"},
	{"POST /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 405 ",
	 "Allow: GET, HEAD\r\n\r\nMethod Not Allowed\n"},
	{"get /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 405 ", "\n"},
	{"GET /metrics HTTP/2.0\r\n\r\n", "HTTP/1.1 505 ", "\n"},
	{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 505 ", "\n"},
	{"GET /metrics\r\n\r\n", "HTTP/1.1 400 ", "\n"},
	{"GET  /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 400 ", "\n"},
	{"GET /metrics x HTTP/1.1\r\n\r\n", "HTTP/1.1 400 ", "\n"},
	{" /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 400 ", "\n"},
	{"\x16\x03\x01\r\n\r\n", "HTTP/1.1 400 ", "\n"},
	{"\r\n\r\n", "HTTP/1.1 400 ", "\n"},
};

static void test_requests(void **state)
{
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		check_answer(*state, requests[i].request, strlen(requests[i].request),
			     requests[i].begin, requests[i].end);
}

/* A NUL ends the line, and the line is what counts. */
static void test_nul(void **state)
{
	static const char request[] = "GET /metrics\0 HTTP/1.1\r\n\r\n";

	check_answer(*state, request, sizeof(request) - 1, "HTTP/1.1 400 ", "\n");
}

static void test_not_yet(void **state)
{
	static const char request[] = "GET /metrics HTTP/1.1\r\n\r\n";
	struct fixture *fixture = *state;

	fixture->answer = -EAGAIN;
	check_answer(fixture, request, strlen(request), "HTTP/1.1 503 ",
		     "Retry-After: 1\r\n\r\nService Unavailable\n");
	fixture->answer = -ENOMEM;
	check_answer(fixture, request, strlen(request), "HTTP/1.1 500 ", "\n");
}

static void test_octet_by_octet(void **state)
{
	static const char request[] = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
	struct fixture *fixture = *state;
	int fd = dial(fixture);
	char text[1024];

	for (size_t i = 0; i + 1 < sizeof(request); i++) {
		assert_int_equal(fixture->pages, 0);
		say(fd, request + i, 1);
		run(fixture);
	}
	assert_int_equal(fixture->pages, 1);
	hear(fixture, fd, text, sizeof(text));
	assert_memory_equal(text, PAGE, strlen(PAGE));
	close(fd);
}

static void test_headers_too_long(void **state)
{
	static char request[3 * HTTP_REQUEST_MAX];
	const int length = snprintf(request, sizeof(request), "GET /metrics HTTP/1.1\r\nX: ");

	memset(request + length, 'x', sizeof(request) - (size_t)length);
	/* One octet fewer than are too many, and the end. */
	memcpy(request + HTTP_REQUEST_MAX - 4, "\r\n\r\n", 4);
	check_answer(*state, request, HTTP_REQUEST_MAX, PAGE, "xxxxx");
	memcpy(request + HTTP_REQUEST_MAX - 4, "xxxx", 4);
	check_answer(*state, request, sizeof(request), "HTTP/1.1 431 ", "\n");
	assert_int_equal(((struct fixture *)*state)->pages, 1);
}

/* It gets all of it, and holds nobody up meanwhile. */
static void test_slow_reader(void **state)
{
	static const char request[] = "GET /metrics HTTP/1.1\r\n\r\n";
	struct fixture *fixture = *state;
	char *text = malloc(LARGE + 1024);
	int slow = dial(fixture);
	size_t size;

	assert_non_null(text);
	fixture->size = LARGE;
	say(slow, request, strlen(request));
	run(fixture);
	fixture->size = 5;
	check_answer(fixture, request, strlen(request), PAGE, "xxxxx");
	size = hear(fixture, slow, text, LARGE + 1024);
	assert_true(size > LARGE);
	assert_int_equal(strspn(strstr(text, "\r\n\r\n") + 4, "x"), LARGE);
	close(slow);
	free(text);
}

static bool has_ended(int fd)
{
	struct pollfd polled = {.fd = fd, .events = POLLIN};

	return poll(&polled, 1, 0) == 1;
}

/* Of more than there may be, the oldest go. */
static void test_silent_connections(void **state)
{
	static const char request[] = "GET /metrics HTTP/1.1\r\n\r\n";
	struct fixture *fixture = *state;
	int fds[3 * HTTP_CONNECTIONS_MAX];
	const size_t n = sizeof(fds) / sizeof(fds[0]);

	for (size_t i = 0; i < n; i++) {
		fds[i] = dial(fixture);
		run(fixture);
	}
	for (size_t i = 0; i < n; i++)
		assert_int_equal(has_ended(fds[i]), i < n - HTTP_CONNECTIONS_MAX);
	check_answer(fixture, request, strlen(request), PAGE, "xxxxx");
	assert_true(has_ended(fds[n - HTTP_CONNECTIONS_MAX]));
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

/* Octets that keep coming give no more time. */
static void test_time_is_over(void **state)
{
	struct fixture *fixture = *state;
	struct timespec begin, end;
	int fd = dial(fixture);

	clock_gettime(CLOCK_MONOTONIC, &begin);
	run(fixture);
	while (!has_ended(fd)) {
		struct pollfd pause = {.fd = fd, .events = POLLIN};

		if (send(fd, "x", 1, MSG_NOSIGNAL) < 0)
			break;
		poll(&pause, 1, 50);
		run(fixture);
		clock_gettime(CLOCK_MONOTONIC, &end);
		assert_true(end.tv_sec - begin.tv_sec <= HTTP_CONNECTION_MS / 1000 + 5);
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_true(end.tv_sec - begin.tv_sec >= HTTP_CONNECTION_MS / 1000 - 1);
	assert_int_equal(fixture->pages, 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_requests, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nul, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_yet, setup, teardown),
		cmocka_unit_test_setup_teardown(test_octet_by_octet, setup, teardown),
		cmocka_unit_test_setup_teardown(test_headers_too_long, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slow_reader, setup, teardown),
		cmocka_unit_test_setup_teardown(test_silent_connections, setup, teardown),
		cmocka_unit_test_setup_teardown(test_time_is_over, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
