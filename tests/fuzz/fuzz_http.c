/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Octets to the server of metrics, in two pieces. Whatever comes, an answer begins as one of
 * HTTP, the connection ends when its client has, and the next one is served.
 */
#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ops/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char status_line[] = "HTTP/1.1 ";

static struct event_base *base;
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static socklen_t address_length = sizeof(address);

static void require(bool truth)
{
	if (!truth)
		abort();
}

static int write_page(void *user, char **ret_text, size_t *ret_size)
{
	(void)user;
	*ret_text = strdup("page\n");
	*ret_size = 5;
	return *ret_text ? 0 : -1;
}

static void start(void)
{
	struct http_options options = {.path = "/metrics",
				       .type = "text/plain",
				       .page = write_page,
				       .listener =
					       socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)};
	static struct http *http;

	base = options.base = event_base_new();
	/* Without a name the kernel gives it one. */
	require(base && bind(options.listener, (const struct sockaddr *)&address,
			     sizeof(sa_family_t)) == 0);
	require(listen(options.listener, 8) == 0 &&
		getsockname(options.listener, (struct sockaddr *)&address, &address_length) ==
			0);
	require(http_new(&options, &http) == 0);
}

static void say(int fd, const uint8_t *data, size_t size)
{
	/* The other side may have ended already. */
	if (send(fd, data, size, MSG_NOSIGNAL) < 0)
		return;
	event_base_loop(base, EVLOOP_NONBLOCK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const size_t first = size ? data[0] % size : 0;
	char answer[1024];
	ssize_t n;
	int fd;

	if (!base)
		start();
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	require(fd >= 0 && connect(fd, (const struct sockaddr *)&address, address_length) == 0);
	event_base_loop(base, EVLOOP_NONBLOCK);
	if (size > 1) {
		say(fd, data + 1, first);
		say(fd, data + 1 + first, size - 1 - first);
	}
	n = recv(fd, answer, sizeof(answer), 0);
	require(n < (ssize_t)sizeof(answer));
	if (n > 0)
		require(n > (ssize_t)strlen(status_line) &&
			memcmp(answer, status_line, strlen(status_line)) == 0);
	close(fd);
	event_base_loop(base, EVLOOP_NONBLOCK);
	return 0;
}
