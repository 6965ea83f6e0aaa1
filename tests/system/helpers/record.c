/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records what arrives at an interface for a /48, verifies checksums: record INTERFACE PREFIX
 *
 * Says "ready" on stderr, takes the number of packets on the wire to wait for on stdin (as
 * text) and ends when they have arrived. A struct record for each packet goes to stdout. Fails
 * if the kernel could not keep up.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip6.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUEUE_BYTES (256 << 20)
#define BATCH 32
#define FRAME_MAX (1 << 17)
#define PREFIX_BYTES 6
#define TIMEOUT_MS 10000

enum checksum { CHECKSUM_WRONG, CHECKSUM_RIGHT, CHECKSUM_LEFT_TO_DEVICE };

struct record {
	uint32_t word; /* the first of the IPv6 header */
	uint32_t wire_bytes; /* of all segments, from the IPv6 header on */
	uint16_t segments, source_port, destination_port;
	uint8_t protocol, checksum;
	uint8_t destination[16];
	uint8_t payload[12]; /* its begin */
};

struct frame {
	struct virtio_net_hdr virtio;
	struct ethhdr ethernet;
	struct ip6_hdr ip;
	uint8_t transport[FRAME_MAX];
} __attribute__((packed));

static struct frame frames[BATCH];

static uint64_t sum_words(const uint8_t *data, size_t length)
{
	uint64_t sum = 0;

	for (size_t i = 0; i + 1 < length; i += 2)
		sum += (uint64_t)data[i] << 8 | data[i + 1];
	return length & 1 ? sum + ((uint64_t)data[length - 1] << 8) : sum;
}

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xFFFF) + (sum >> 16);
	return (uint16_t)sum;
}

/* RFC 8200, 8.1. Where the sender leaves the sum to the device, which veth is not, the field
 * holds the sum over the pseudo-header. */
static enum checksum checksum(const struct frame *frame, size_t length)
{
	size_t offset = frame->ip.ip6_nxt == IPPROTO_TCP ? 16 : 6;
	uint64_t pseudo =
		sum_words((const uint8_t *)&frame->ip.ip6_src, 32) + length + frame->ip.ip6_nxt;

	if (frame->virtio.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		return fold(pseudo) == fold(sum_words(frame->transport + offset, 2))
			       ? CHECKSUM_LEFT_TO_DEVICE
			       : CHECKSUM_WRONG;
	return fold(pseudo + sum_words(frame->transport, length)) == 0xFFFF ? CHECKSUM_RIGHT
									    : CHECKSUM_WRONG;
}

/* Answers the packets on the wire that a frame stands for, 0 if it is none of ours. */
static unsigned int record(const struct frame *frame, size_t received, const uint8_t *prefix)
{
	size_t length = ntohs(frame->ip.ip6_plen), head = 8, payload;
	struct record record = {.protocol = frame->ip.ip6_nxt, .segments = 1};

	if (ntohs(frame->ethernet.h_proto) != ETH_P_IPV6 ||
	    memcmp(&frame->ip.ip6_dst, prefix, PREFIX_BYTES))
		return 0;
	if (received < offsetof(struct frame, transport) + length)
		errx(1, "a packet is shorter than it says");
	if (record.protocol == IPPROTO_TCP)
		head = frame->transport[12] >> 4 << 2;
	else if (record.protocol != IPPROTO_UDP)
		errx(1, "protocol %u", record.protocol);
	payload = length - head;
	if (frame->virtio.gso_size)
		record.segments = (uint16_t)((payload + frame->virtio.gso_size - 1) /
					     frame->virtio.gso_size);
	record.word = ntohl(frame->ip.ip6_flow);
	record.wire_bytes = (uint32_t)(payload + record.segments * (sizeof(frame->ip) + head));
	record.source_port = (uint16_t)(frame->transport[0] << 8 | frame->transport[1]);
	record.destination_port = (uint16_t)(frame->transport[2] << 8 | frame->transport[3]);
	record.checksum = checksum(frame, length);
	memcpy(record.destination, &frame->ip.ip6_dst, sizeof(record.destination));
	memcpy(record.payload, frame->transport + head,
	       payload < sizeof(record.payload) ? payload : sizeof(record.payload));
	if (fwrite(&record, sizeof(record), 1, stdout) != 1)
		err(1, "stdout");
	return record.segments;
}

static int capture_open(const char *interface)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET,
				      .sll_protocol = htons(ETH_P_ALL),
				      .sll_ifindex = (int)if_nametoindex(interface)};
	int fd = socket(AF_PACKET, SOCK_RAW, 0), size = QUEUE_BYTES, on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)))
		err(1, "%s", interface);
	return fd;
}

static uint64_t receive(int fd, const uint8_t *prefix)
{
	struct mmsghdr messages[BATCH] = {0};
	struct iovec vectors[BATCH];
	uint64_t segments = 0;
	int count;

	for (int i = 0; i < BATCH; i++) {
		vectors[i] = (struct iovec){&frames[i], sizeof(frames[i])};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i], .msg_iovlen = 1};
	}
	count = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
	if (count < 0 && errno != EAGAIN)
		err(1, "recvmmsg");
	for (int i = 0; i < count; i++)
		segments += record(&frames[i], messages[i].msg_len, prefix);
	return segments;
}

static void check_drops(int fd)
{
	struct tpacket_stats statistics = {0};
	socklen_t size = sizeof(statistics);

	if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &statistics, &size))
		err(1, "PACKET_STATISTICS");
	if (statistics.tp_drops)
		errx(1, "%u packets did not fit into the queue", statistics.tp_drops);
}

static uint64_t read_number(void)
{
	char text[32] = "";

	if (read(STDIN_FILENO, text, sizeof(text) - 1) <= 0)
		errx(1, "nobody waits any more");
	return strtoull(text, NULL, 10);
}

int main(int argc, char *argv[])
{
	uint64_t arrived = 0, expected = UINT64_MAX;
	struct in6_addr prefix;
	int fd;

	if (argc != 3 || inet_pton(AF_INET6, argv[2], &prefix) != 1)
		errx(2, "usage: record INTERFACE PREFIX");
	fd = capture_open(argv[1]);
	fputs("ready\n", stderr);
	while (arrived < expected) {
		struct pollfd polled[] = {{.fd = fd, .events = POLLIN},
					  {.fd = STDIN_FILENO, .events = POLLIN}};
		int known = expected != UINT64_MAX;

		if (!poll(polled, known ? 1 : 2, known ? TIMEOUT_MS : -1))
			errx(1, "%llu packets arrived of %llu", (unsigned long long)arrived,
			     (unsigned long long)expected);
		if (!known && polled[1].revents)
			expected = read_number();
		arrived += receive(fd, prefix.s6_addr);
	}
	check_drops(fd);
	close(fd);
	return fflush(stdout) ? 1 : 0;
}
