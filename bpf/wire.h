/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What a packet becomes on the wire: a GSO super-packet leaves as many, and each of them has
 * a copy of the headers.
 */
#ifndef WAYMARK_WIRE_H
#define WAYMARK_WIRE_H

#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"
#include "parse.h"

#define TCP_DATA_OFFSET 12 /* octet of the TCP header whose upper half counts its words */
#define UDP_HEADER 8
#define SCTP_HEADER 12

static __always_inline __u32 transport_size(struct __sk_buff *skb, const struct packet *packet,
					    const __u8 *protocol)
{
	__u8 words = 0;

	switch (*protocol) {
	case IPPROTO_TCP:
		bpf_skb_load_bytes(skb, packet->transport + TCP_DATA_OFFSET, &words, 1);
		return (words >> 4) * 4;
	case IPPROTO_UDP:
		return UDP_HEADER;
	case IPPROTO_SCTP:
		return SCTP_HEADER;
	}
	return 0;
}

/* Packets and bytes, from the IPv6 header on, that a super-packet becomes. One that came from
 * a virtual machine may not say how many. */
static __always_inline struct traffic
segmented(struct __sk_buff *skb, const struct packet *packet, const __u8 *protocol)
{
	__u32 octets = skb->len - packet->network - packet->jumbo;
	__u32 headers = packet->transport - packet->network - packet->jumbo;
	__u32 segments = skb->gso_segs;

	headers += transport_size(skb, packet, protocol);
	if (headers > octets)
		headers = octets;
	if (!segments)
		segments = (octets - headers + skb->gso_size - 1) / skb->gso_size;
	if (!segments)
		segments = 1;
	return (struct traffic){segments, octets + (segments - 1) * (__u64)headers};
}

/* `protocol` is looked at only then. */
static __always_inline struct traffic
on_the_wire(struct __sk_buff *skb, const struct packet *packet, const __u8 *protocol)
{
	if (!skb->gso_size)
		return (struct traffic){1, skb->len - packet->network};
	return segmented(skb, packet, protocol);
}

#endif
