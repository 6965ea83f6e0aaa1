/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/local_address.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "cleanup.h"

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

static bool ask(int fd, const uint8_t address[16])
{
	struct question question = {
		.header = {.nlmsg_len = sizeof(question),
			   .nlmsg_type = RTM_GETROUTE,
			   .nlmsg_flags = NLM_F_REQUEST},
		.route = {.rtm_family = AF_INET6, .rtm_dst_len = 128},
		.attribute = {.rta_len = RTA_LENGTH(16), .rta_type = RTA_DST},
	};

	memcpy(question.destination, address, sizeof(question.destination));
	return send(fd, &question, sizeof(question), 0) == sizeof(question);
}

/* Not bind(2): with net.ipv6.ip_nonlocal_bind that succeeds for every address. */
bool local_address(const uint8_t address[16])
{
	cleanup(close_fd) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct answer answer;
	ssize_t size;

	if (fd < 0 || !ask(fd, address))
		return false;
	size = recv(fd, &answer, sizeof(answer), 0);
	return size >= (ssize_t)NLMSG_LENGTH(sizeof(struct rtmsg)) &&
	       answer.header.nlmsg_type == RTM_NEWROUTE && answer.route.rtm_type == RTN_LOCAL;
}
