/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets put together header by header:
 *
 *	struct frame frame = frame_ethernet();
 *	frame_tag(&frame, ETH_P_8021Q);
 *	frame_ipv6(&frame, &ends, IPPROTO_UDP);
 *	frame_ports(&frame, IPPROTO_UDP, 4000, 5000);
 *	frame_payload(&frame, 100);
 */
#ifndef WAYMARK_FRAME_H
#define WAYMARK_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX 6144

struct frame {
	size_t length;
	size_t network; /* offset of the IPv6 header */
	bool ethernet;
	uint8_t bytes[FRAME_MAX];
};

struct ends {
	uint8_t source[16], destination[16];
};

/* Of two addresses as text. */
struct ends ends_of(const char *source, const char *destination);

/* Begins with two Ethernet addresses; the type follows with the next header. */
struct frame frame_ethernet(void);
/* Begins with the network header. */
struct frame frame_bare(void);

void frame_tag(struct frame *frame, uint16_t type);
void frame_ipv6(struct frame *frame, const struct ends *ends, uint8_t next);
/* An extension header of `length` octets with zero contents; not for AH and fragments. */
void frame_extension(struct frame *frame, uint8_t next, size_t length);
void frame_authentication(struct frame *frame, uint8_t next, size_t length);
void frame_fragment(struct frame *frame, uint8_t next, uint16_t offset, bool more);
/* The whole transport header of a protocol with ports; zero but for ports and TCP's length. */
void frame_ports(struct frame *frame, uint8_t protocol, uint16_t source, uint16_t destination);
/* So many octets that all differ from their neighbours; completes the payload length. */
void frame_payload(struct frame *frame, size_t length);

/* Class and label of the IPv6 header; what is not named stays. */
void frame_set_class(struct frame *frame, uint8_t traffic_class);
void frame_set_label(struct frame *frame, uint32_t label);
uint32_t frame_label(const struct frame *frame);

/* Usual frames of the suite: Ethernet, `ends`, ports 4000 to 5000 and 32 octets. */
struct frame frame_plain(const struct ends *ends, uint8_t protocol);

#endif
