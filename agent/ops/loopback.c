/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/loopback.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "cleanup.h"
#include "ops/number.h"

#define BACKLOG 128

/* 0 would be any port, which nobody could find. */
static bool parse_port(const char *text, in_port_t *ret)
{
	const int64_t port = number_parse(text, UINT16_MAX);

	*ret = htons((in_port_t)port);
	return port > 0;
}

int loopback_parse(const char *text, struct sockaddr_storage *ret, socklen_t *ret_length)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	const char *colon = strrchr(text, ':');
	char host[INET_ADDRSTRLEN] = "";

	if (!colon || (size_t)(colon - text) >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, (size_t)(colon - text));
	if (strcmp(host, "[::1]") == 0 && parse_port(colon + 1, &v6.sin6_port)) {
		memcpy(ret, &v6, sizeof(v6));
		*ret_length = sizeof(v6);
		return 0;
	}
	if (inet_pton(AF_INET, host, &v4.sin_addr) != 1 ||
	    ntohl(v4.sin_addr.s_addr) >> 24 != IN_LOOPBACKNET ||
	    !parse_port(colon + 1, &v4.sin_port))
		return -EINVAL;
	memcpy(ret, &v4, sizeof(v4));
	*ret_length = sizeof(v4);
	return 0;
}

int loopback_listen(const char *text)
{
	struct sockaddr_storage address;
	cleanup(close_fd) int fd = -1;
	const int on = 1;
	socklen_t length;
	int listening, r = loopback_parse(text, &address, &length);

	if (r < 0)
		return r;
	fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (const struct sockaddr *)&address, length) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	listening = fd;
	fd = -1;
	return listening;
}
