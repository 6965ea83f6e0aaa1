/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "cleanup.h"

DEFINE_CLEANUP(free_addresses, struct addrinfo *, freeaddrinfo)

bool host_is_loopback(const char *host)
{
	struct in6_addr v6;
	struct in_addr v4;

	if (!strcmp(host, "localhost"))
		return true;
	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static int port_parse(const char *text, int *ret)
{
	int port = 0;

	if (!*text || strlen(text) > 5)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		port = port * 10 + (*text - '0');
	}
	if (port > 65535)
		return -EINVAL;
	*ret = port;
	return 0;
}

int address_split(const char *address, char *host, size_t host_size, int *ret_port)
{
	const char *colon = strrchr(address, ':');
	const char *begin = address, *end = colon;

	if (!colon)
		return -EINVAL;
	if (*address == '[') {
		begin++;
		end--;
		if (end < begin || *end != ']')
			return -EINVAL;
	} else if (memchr(address, ':', (size_t)(colon - address))) {
		return -EINVAL; /* an IPv6 address needs its brackets */
	}
	if (end == begin || (size_t)(end - begin) >= host_size)
		return -EINVAL;
	if (port_parse(colon + 1, ret_port))
		return -EINVAL;
	memcpy(host, begin, (size_t)(end - begin));
	host[end - begin] = '\0';
	return 0;
}

int address_try(const char *host, int port)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	cleanup(free_addresses) struct addrinfo *found = NULL;
	char service[8];

	snprintf(service, sizeof(service), "%d", port);
	if (getaddrinfo(host, service, &hints, &found))
		return -EADDRNOTAVAIL;
	for (const struct addrinfo *at = found; at; at = at->ai_next) {
		cleanup(close_fd) int fd =
			socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
		const int on = 1;

		if (fd < 0)
			return -errno;
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (bind(fd, at->ai_addr, at->ai_addrlen) || listen(fd, 1))
			return -errno;
	}
	return 0;
}

/* Connections to "any address" are not for everybody's taste. */
static void any_to_loopback(struct sockaddr *address)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
	struct sockaddr_in *v4 = (struct sockaddr_in *)address;

	if (address->sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr))
		v6->sin6_addr = in6addr_loopback;
	else if (address->sa_family == AF_INET && v4->sin_addr.s_addr == INADDR_ANY)
		v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

int address_of_self(const char *host, int port, struct sockaddr_storage *ret,
		    socklen_t *ret_length)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	cleanup(free_addresses) struct addrinfo *found = NULL;
	char service[8];

	snprintf(service, sizeof(service), "%d", port);
	if (getaddrinfo(host, service, &hints, &found))
		return -EADDRNOTAVAIL;
	memcpy(ret, found->ai_addr, found->ai_addrlen);
	*ret_length = found->ai_addrlen;
	any_to_loopback((struct sockaddr *)ret);
	return 0;
}

void address_of_path(const char *path, struct sockaddr_storage *ret, socklen_t *ret_length)
{
	struct sockaddr_un *address = (struct sockaddr_un *)ret;

	address->sun_family = AF_UNIX;
	strncpy(address->sun_path, path, sizeof(address->sun_path) - 1);
	*ret_length = sizeof(*address);
}
