/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel is asked only about what may be local. A filter of the addresses in its local
 * table says of nearly all others that they are not; it is made anew when that table has
 * changed, of which the kernel tells a socket of ours. Everything belongs to the thread that
 * asks.
 */
#include "ops/local_address.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "now.h"

/* Hosts have some tens of addresses; with thousands every tenth stranger is asked for. */
#define FILTER_BITS 32768

/* More changes than fit in here are one change: all of it is read again. */
#define CHANGES_BUFFER 8192

static _Thread_local struct {
	bool is_open, is_known;
	bool has_prefix; /* some local addresses are not listed one by one */
	int questions, changes; /* sockets */
	uint32_t number; /* of the last question */
	int64_t looked; /* for changes */
	uint64_t filter[FILTER_BITS / 64];
} own;

/* Also the beginning of a message about a route. */
struct question {
	struct nlmsghdr header;
	struct rtmsg route;
	struct rtattr attribute;
	uint8_t destination[16];
};

/* ---- the filter ---- */

static uint32_t place_of(const uint8_t address[16])
{
	uint64_t high, low;

	memcpy(&high, address, sizeof(high));
	memcpy(&low, address + 8, sizeof(low));
	return (uint32_t)((high * 0x9E3779B97F4A7C15 + low) * 0xC2B2AE3D27D4EB4F >> 40) %
	       FILTER_BITS;
}

static void filter_add(const uint8_t address[16])
{
	const uint32_t place = place_of(address);

	own.filter[place / 64] |= UINT64_C(1) << place % 64;
}

static bool filter_has(const uint8_t address[16])
{
	const uint32_t place = place_of(address);

	return own.has_prefix || own.filter[place / 64] >> place % 64 & 1;
}

/* ---- the local table ---- */

static bool ask_for_all(void)
{
	struct {
		struct nlmsghdr header;
		struct rtmsg route;
	} question = {
		.header = {.nlmsg_len = sizeof(question),
			   .nlmsg_type = RTM_GETROUTE,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			   .nlmsg_seq = ++own.number},
		.route = {.rtm_family = AF_INET6,
			  .rtm_table = RT_TABLE_LOCAL,
			  .rtm_type = RTN_LOCAL},
	};

	return send(own.questions, &question, sizeof(question), 0) == sizeof(question);
}

static void add_route(const struct nlmsghdr *header)
{
	const struct rtmsg *route = NLMSG_DATA(header);
	int left = (int)RTM_PAYLOAD(header);

	if (header->nlmsg_type != RTM_NEWROUTE || route->rtm_type != RTN_LOCAL)
		return;
	if (route->rtm_dst_len < 128)
		own.has_prefix = true;
	for (const struct rtattr *attribute = RTM_RTA(route); RTA_OK(attribute, left);
	     attribute = RTA_NEXT(attribute, left))
		if (attribute->rta_type == RTA_DST && RTA_PAYLOAD(attribute) == 16)
			filter_add(RTA_DATA(attribute));
}

/* NLMSG_OK() without its comparison of signed with unsigned. */
static bool is_whole(const struct nlmsghdr *header, int left)
{
	return left >= (int)sizeof(*header) && header->nlmsg_len >= sizeof(*header) &&
	       header->nlmsg_len <= (unsigned int)left;
}

/* True: more will come. */
static bool add_routes(const struct nlmsghdr *header, ssize_t size)
{
	int left = (int)size;

	for (; is_whole(header, left); header = NLMSG_NEXT(header, left)) {
		if (header->nlmsg_seq != own.number)
			continue;
		if (header->nlmsg_type == NLMSG_ERROR || header->nlmsg_flags & NLM_F_DUMP_INTR)
			own.is_known = false;
		if (header->nlmsg_type == NLMSG_ERROR || header->nlmsg_type == NLMSG_DONE)
			return false;
		add_route(header);
	}
	return true;
}

static void read_table(void)
{
	_Alignas(struct nlmsghdr) uint8_t buffer[16384];
	ssize_t size;

	memset(own.filter, 0, sizeof(own.filter));
	own.has_prefix = false;
	own.is_known = ask_for_all();
	if (!own.is_known)
		return;
	do
		size = recv(own.questions, buffer, sizeof(buffer), MSG_DONTWAIT);
	while (size > 0 && add_routes((const struct nlmsghdr *)buffer, size));
	if (size <= 0)
		own.is_known = false;
}

static bool changes_table(const struct question *message, ssize_t size)
{
	return size < (ssize_t)NLMSG_LENGTH(sizeof(struct rtmsg)) ||
	       message->route.rtm_table == RT_TABLE_LOCAL;
}

static void read_changes(void)
{
	struct question message;
	ssize_t size;

	while ((size = recv(own.changes, &message, sizeof(message), MSG_DONTWAIT)) >= 0 ||
	       errno == ENOBUFS)
		if (changes_table(&message, size))
			own.is_known = false;
}

/* Changes are looked for once in a tick of the clock. False: the filter says nothing. */
static bool update(void)
{
	const int64_t now = now_on(CLOCK_MONOTONIC_COARSE);

	if (own.is_known && now == own.looked)
		return true;
	own.looked = now;
	read_changes();
	if (!own.is_known)
		read_table();
	return own.is_known;
}

/* ---- one address ---- */

static bool ask(const uint8_t address[16])
{
	struct question question = {
		.header = {.nlmsg_len = sizeof(question),
			   .nlmsg_type = RTM_GETROUTE,
			   .nlmsg_flags = NLM_F_REQUEST,
			   .nlmsg_seq = ++own.number},
		.route = {.rtm_family = AF_INET6, .rtm_dst_len = 128},
		.attribute = {.rta_len = RTA_LENGTH(16), .rta_type = RTA_DST},
	};

	memcpy(question.destination, address, sizeof(question.destination));
	return send(own.questions, &question, sizeof(question), 0) == sizeof(question);
}

/* Where would a packet to this address go? Not bind(2): with net.ipv6.ip_nonlocal_bind that
 * succeeds for every address. */
static bool is_routed_here(const uint8_t address[16])
{
	struct question answer; /* its beginning */
	ssize_t size;

	if (!ask(address))
		return false;
	/* The kernel answers while it is asked; what an earlier failure has left is passed by.
	 */
	do
		size = recv(own.questions, &answer, sizeof(answer), MSG_DONTWAIT);
	while (size >= (ssize_t)sizeof(answer.header) && answer.header.nlmsg_seq != own.number);
	return size >= (ssize_t)NLMSG_LENGTH(sizeof(struct rtmsg)) &&
	       answer.header.nlmsg_type == RTM_NEWROUTE && answer.route.rtm_type == RTN_LOCAL;
}

/* ---- sockets ---- */

static int open_changes(void)
{
	const struct sockaddr_nl address = {.nl_family = AF_NETLINK,
					    .nl_groups = RTMGRP_IPV6_ROUTE};
	const int size = CHANGES_BUFFER;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return fd;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* The kernel sends the table that is asked for, and no other one. */
static int open_questions(void)
{
	const int strict = 1;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd >= 0)
		(void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &strict,
				 sizeof(strict));
	return fd;
}

/* For as long as the thread lives: new ones for every question would cost as much as the
 * question. */
static bool has_sockets(void)
{
	if (own.is_open)
		return true;
	own.questions = open_questions();
	if (own.questions < 0)
		return false;
	own.changes = open_changes();
	own.is_open = own.changes >= 0;
	if (!own.is_open)
		close(own.questions);
	return own.is_open;
}

bool local_address(const uint8_t address[16])
{
	if (!has_sockets() || (update() && !filter_has(address)))
		return false;
	return is_routed_here(address);
}
