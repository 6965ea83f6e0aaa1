/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/local_address.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "cleanup.h"

bool local_address(const uint8_t address[16])
{
	cleanup(close_fd) int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in6 name = {.sin6_family = AF_INET6};

	if (fd < 0 || IN6_IS_ADDR_MULTICAST((const struct in6_addr *)address))
		return false;
	memcpy(&name.sin6_addr, address, sizeof(name.sin6_addr));
	return bind(fd, (const struct sockaddr *)&name, sizeof(name)) == 0;
}
