/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/local_address.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* Where would a packet to this address go? */
struct question {
	struct nlmsghdr header;
	struct rtmsg route;
	struct rtattr attribute;
	uint8_t destination[16];
};

struct answer {
	struct nlmsghdr header;
	struct rtmsg route;
	uint8_t attributes[1024]; /* not looked at */
};

static bool ask(int fd, uint32_t number, const uint8_t address[16])
{
	struct question question = {
		.header = {.nlmsg_len = sizeof(question),
			   .nlmsg_type = RTM_GETROUTE,
			   .nlmsg_flags = NLM_F_REQUEST,
			   .nlmsg_seq = number},
		.route = {.rtm_family = AF_INET6, .rtm_dst_len = 128},
		.attribute = {.rta_len = RTA_LENGTH(16), .rta_type = RTA_DST},
	};

	memcpy(question.destination, address, sizeof(question.destination));
	return send(fd, &question, sizeof(question), 0) == sizeof(question);
}

/* One socket for each thread that asks, for as long as it lives: a new one for every question
 * would cost as much as the question. -1: none can be had. */
static int own_socket(void)
{
	static _Thread_local int fd = -1;

	if (fd < 0)
		fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	return fd;
}

/* Not bind(2): with net.ipv6.ip_nonlocal_bind that succeeds for every address. */
bool local_address(const uint8_t address[16])
{
	static _Thread_local uint32_t number;
	const int fd = own_socket();
	struct answer answer;
	ssize_t size;

	if (fd < 0 || !ask(fd, ++number, address))
		return false;
	/* The kernel answers while it is asked; what an earlier failure has left is passed by.
	 */
	do
		size = recv(fd, &answer, sizeof(answer), MSG_DONTWAIT);
	while (size >= (ssize_t)sizeof(answer.header) && answer.header.nlmsg_seq != number);
	return size >= (ssize_t)NLMSG_LENGTH(sizeof(struct rtmsg)) &&
	       answer.header.nlmsg_type == RTM_NEWROUTE && answer.route.rtm_type == RTN_LOCAL;
}
