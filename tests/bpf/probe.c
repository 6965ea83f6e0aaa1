/* SPDX-License-Identifier: Apache-2.0 */
#include "probe.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

#define PATIENCE_MS 5000

static void udp_send(const struct in6_addr *destination)
{
	const struct sockaddr_in6 to = {
		.sin6_family = AF_INET6, .sin6_port = htons(5000), .sin6_addr = *destination};
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(sendto(fd, "x", 1, 0, (const struct sockaddr *)&to, sizeof(to)), 1);
	close(fd);
}

/* Reads IPv6 packets until the one to this address comes. */
static uint32_t label_read(int fd, const struct in6_addr *destination)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	uint8_t packet[2048];

	for (;;) {
		ssize_t length;

		if (poll(&ready, 1, PATIENCE_MS) != 1)
			fail_msg("the packet did not arrive");
		length = read(fd, packet, sizeof(packet));
		if (length >= 48 && packet[0] >> 4 == 6 && packet[6] == IPPROTO_UDP &&
		    !memcmp(packet + 24, destination, 16))
			return (uint32_t)(packet[1] & 0xF) << 16 | (uint32_t)packet[2] << 8 |
			       packet[3];
	}
}

static int capture_open(const char *interface)
{
	const struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_IPV6),
		.sll_ifindex = (int)if_nametoindex(interface),
	};
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_IPV6));

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

uint32_t probe_label(const char *destination, const char *interface)
{
	struct in6_addr address;
	uint32_t label;
	int fd = capture_open(interface);

	assert_int_equal(inet_pton(AF_INET6, destination, &address), 1);
	udp_send(&address);
	label = label_read(fd, &address);
	close(fd);
	return label;
}

uint32_t probe_label_tun(const char *destination, int tun)
{
	struct in6_addr address;

	assert_int_equal(inet_pton(AF_INET6, destination, &address), 1);
	udp_send(&address);
	return label_read(tun, &address);
}
