/* SPDX-License-Identifier: Apache-2.0 */
#include "frame.h"

#include <arpa/inet.h>
#include <assert.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

struct ends ends_of(const char *source, const char *destination)
{
	struct ends ends;
	int understood = inet_pton(AF_INET6, source, ends.source) &
			 inet_pton(AF_INET6, destination, ends.destination);

	assert(understood == 1);
	(void)understood;
	return ends;
}

static uint8_t *append(struct frame *frame, size_t length)
{
	uint8_t *room = frame->bytes + frame->length;

	assert(frame->length + length <= FRAME_MAX);
	frame->length += length;
	return memset(room, 0, length);
}

static void append_u16(struct frame *frame, uint16_t value)
{
	uint8_t *room = append(frame, 2);

	room[0] = value >> 8;
	room[1] = value & 0xFF;
}

struct frame frame_ethernet(void)
{
	static const uint8_t addresses[2 * ETH_ALEN] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};
	struct frame frame = {.ethernet = true};

	memcpy(append(&frame, sizeof(addresses)), addresses, sizeof(addresses));
	return frame;
}

struct frame frame_bare(void)
{
	return (struct frame){.ethernet = false};
}

void frame_tag(struct frame *frame, uint16_t type)
{
	append_u16(frame, type);
	append_u16(frame, 0x6000 | 100); /* priority 3, VLAN 100 */
}

void frame_ipv6(struct frame *frame, const struct ends *ends, uint8_t next)
{
	uint8_t *header;

	if (frame->ethernet)
		append_u16(frame, ETH_P_IPV6);
	frame->network = frame->length;
	header = append(frame, 40);
	header[0] = 0x60;
	header[6] = next;
	header[7] = 64;
	memcpy(header + 8, ends->source, 16);
	memcpy(header + 24, ends->destination, 16);
}

void frame_extension(struct frame *frame, uint8_t next, size_t length)
{
	uint8_t *header = append(frame, length);

	assert(length % 8 == 0);
	header[0] = next;
	header[1] = (uint8_t)(length / 8 - 1);
}

void frame_authentication(struct frame *frame, uint8_t next, size_t length)
{
	uint8_t *header = append(frame, length);

	assert(length % 4 == 0);
	header[0] = next;
	header[1] = (uint8_t)(length / 4 - 2);
}

void frame_fragment(struct frame *frame, uint8_t next, uint16_t offset, bool more)
{
	uint8_t *header = append(frame, 8);
	uint16_t field = (uint16_t)(offset << 3 | more);

	header[0] = next;
	header[2] = field >> 8;
	header[3] = field & 0xFF;
}

static size_t transport_length(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return 20;
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		return 12;
	}
	return 8; /* UDP, UDP-Lite */
}

void frame_ports(struct frame *frame, uint8_t protocol, uint16_t source, uint16_t destination)
{
	uint8_t *header;

	append_u16(frame, source);
	append_u16(frame, destination);
	header = append(frame, transport_length(protocol) - 4) - 4;
	if (protocol == IPPROTO_TCP)
		header[12] = 5 << 4;
}

void frame_payload(struct frame *frame, size_t length)
{
	uint8_t *payload = append(frame, length);
	size_t total = frame->length - frame->network - 40;

	for (size_t i = 0; i < length; i++)
		payload[i] = (uint8_t)(i * 7 + 1);
	frame->bytes[frame->network + 4] = (uint8_t)(total >> 8);
	frame->bytes[frame->network + 5] = total & 0xFF;
}

void frame_set_class(struct frame *frame, uint8_t traffic_class)
{
	uint8_t *header = frame->bytes + frame->network;

	header[0] = (header[0] & 0xF0) | traffic_class >> 4;
	header[1] = (uint8_t)(traffic_class << 4) | (header[1] & 0x0F);
}

void frame_set_label(struct frame *frame, uint32_t label)
{
	uint8_t *header = frame->bytes + frame->network;

	header[1] = (header[1] & 0xF0) | (label >> 16 & 0x0F);
	header[2] = label >> 8 & 0xFF;
	header[3] = label & 0xFF;
}

uint32_t frame_label(const struct frame *frame)
{
	const uint8_t *header = frame->bytes + frame->network;

	return (uint32_t)(header[1] & 0x0F) << 16 | (uint32_t)header[2] << 8 | header[3];
}

struct frame frame_plain(const struct ends *ends, uint8_t protocol)
{
	struct frame frame = frame_ethernet();

	frame_ipv6(&frame, ends, protocol);
	if (protocol != IPPROTO_ICMPV6)
		frame_ports(&frame, protocol, 4000, 5000);
	frame_payload(&frame, 32);
	return frame;
}
