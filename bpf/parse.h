/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * From a packet to the key of its flow.
 *
 * TCP and UDP straight behind an untagged IPv6 header take the short way: one bounds check,
 * loads at constant offsets. Everything else, also whatever lies beyond the linear part of
 * the buffer, takes the long way, which copies through bpf_skb_load_bytes and therefore
 * never changes the packet. The IPv6 payload length is not believed: it is 0 in BIG TCP.
 *
 * Both begin with a link header of so many octets: ETH_HLEN or 0.
 *
 * "Truncated" is a packet that ends before the headers it announces: the IPv6 header, the
 * extension headers behind it, the four octets of ports behind those.
 */
#ifndef WAYMARK_PARSE_H
#define WAYMARK_PARSE_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ipv6.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"

/* Addresses are moved as two words: the compiler would move them in smaller pieces. */
typedef __u64 __attribute__((may_alias)) address_word;

#define TAGS_MAX 2
#define EXTENSIONS_MAX 8 /* six in a row are the most that RFC 8200 recommends */
#define JUMBO_HEADER 8 /* hop-by-hop header that exists only until BIG TCP is segmented */

#ifndef IPPROTO_UDPLITE
#define IPPROTO_UDPLITE 136
#endif

/* Ports are moved as one, too. */
typedef __u32 __attribute__((may_alias)) port_words;

/* Where things are. */
struct packet {
	__u32 network; /* offset of the IPv6 header */
	__u32 transport; /* offset of what follows the last extension header */
	__u32 jumbo; /* octets that the segments of a super-packet will not have */
	__u32 label; /* read on the long way only */
	__u8 protocol; /* of what is at `transport` */
};

/* What it is told from others by; in the packet itself or in a copy. */
struct flow {
	const address_word *destination, *source;
	const port_words *ports;
	const __u8 *protocol; /* 0: ports cannot be read */
};

/* The headers of a packet that is not read in place. */
struct copied {
	struct ipv6hdr network;
	port_words ports;
	__u8 protocol;
};

/* The first four octets of any extension header. */
struct extension {
	__u8 next;
	__u8 length;
	__be16 fragment; /* of a fragment header: offset and flags */
};

/* An Ethernet header says what follows in its last two octets; without one skb->protocol
 * does, which is the type of the tag where tags are part of the frame. */
static __always_inline bool is_plain_ipv6(struct __sk_buff *skb, __u32 link_header,
					  const void *network)
{
	const __be16 *type = network - sizeof(*type);

	return (link_header ? *type : skb->protocol) == bpf_htons(ETH_P_IPV6);
}

static __always_inline struct flow flow_of(const struct ipv6hdr *header,
					   const port_words *ports, const __u8 *protocol)
{
	return (struct flow){
		.destination = (const address_word *)&header->daddr,
		.source = (const address_word *)&header->saddr,
		.ports = ports,
		.protocol = protocol,
	};
}

/* The short way. False: take the long one, both outputs are spoilt. */
static __always_inline bool parse_plain(struct __sk_buff *skb, __u32 link_header,
					struct packet *packet, struct flow *flow)
{
	const void *end = (void *)(long)skb->data_end;
	const struct ipv6hdr *header = (void *)(long)skb->data + link_header;
	const port_words *ports = (const void *)(header + 1);

	if ((const void *)(ports + 1) > end || !is_plain_ipv6(skb, link_header, header))
		return false;
	if (header->version != 6)
		return false;
	if (header->nexthdr != IPPROTO_TCP && header->nexthdr != IPPROTO_UDP)
		return false;
	*flow = flow_of(header, ports, &header->nexthdr);
	packet->network = link_header;
	packet->transport = link_header + sizeof(*header);
	packet->jumbo = 0;
	return true;
}

static __always_inline bool is_tag(__be16 type)
{
	return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD);
}

/* Finds the IPv6 header. Returns 0 or the verdict on a packet without one. */
static __always_inline int find_network(struct __sk_buff *skb, __u32 link_header,
					struct packet *packet)
{
	__u32 offset = link_header - sizeof(__be16);
	__be16 type = skb->protocol;
	int tags;

	if (!link_header)
		return type == bpf_htons(ETH_P_IPV6) ? 0 : VERDICT_NOT_IPV6;
	for (tags = 0; tags <= TAGS_MAX; tags++, offset += 4) {
		if (bpf_skb_load_bytes(skb, offset, &type, sizeof(type)))
			return VERDICT_TRUNCATED;
		packet->network = offset + sizeof(type);
		if (!is_tag(type))
			break;
	}
	return type == bpf_htons(ETH_P_IPV6) ? 0 : VERDICT_NOT_IPV6;
}

static __always_inline int read_network(struct __sk_buff *skb, struct packet *packet,
					struct ipv6hdr *header)
{
	if (bpf_skb_load_bytes(skb, packet->network, header, sizeof(*header)))
		return VERDICT_TRUNCATED;
	if (header->version != 6)
		return VERDICT_NOT_IPV6;
	packet->label = (header->flow_lbl[0] & 0xF) << 16 | header->flow_lbl[1] << 8 |
			header->flow_lbl[2];
	packet->protocol = header->nexthdr;
	packet->transport = packet->network + sizeof(*header);
	if (header->nexthdr == IPPROTO_HOPOPTS && !header->payload_len)
		packet->jumbo = JUMBO_HEADER;
	return 0;
}

/* Octets of an extension header, 0 if it is none that ports are read behind. The ports
 * behind AH are in clear, and its checksum leaves class and label out (RFC 4302). */
static __always_inline __u32 extension_size(__u8 type, __u8 length)
{
	if (type == IPPROTO_HOPOPTS || type == IPPROTO_ROUTING || type == IPPROTO_DSTOPTS)
		return (length + 1) * 8;
	if (type == IPPROTO_AH)
		return (length + 2) * 4;
	if (type == IPPROTO_FRAGMENT)
		return 8;
	return 0;
}

static __always_inline bool is_later_fragment(__u8 type, const struct extension *header)
{
	return type == IPPROTO_FRAGMENT && header->fragment & bpf_htons(0xFFF8);
}

/* Moves `transport` behind the extension headers. What a later fragment goes on with is no
 * header at all. */
static __always_inline int skip_extensions(struct __sk_buff *skb, struct packet *packet)
{
	struct extension header;
	int i;

	for (i = 0; i < EXTENSIONS_MAX && extension_size(packet->protocol, 0); i++) {
		if (bpf_skb_load_bytes(skb, packet->transport, &header, sizeof(header)))
			return VERDICT_TRUNCATED;
		packet->transport += extension_size(packet->protocol, header.length);
		if (is_later_fragment(packet->protocol, &header))
			header.next = IPPROTO_NONE;
		packet->protocol = header.next;
	}
	return packet->transport > skb->len ? VERDICT_TRUNCATED : 0;
}

static __always_inline bool has_ports(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP ||
	       protocol == IPPROTO_UDPLITE || protocol == IPPROTO_SCTP ||
	       protocol == IPPROTO_DCCP;
}

/* The long way. Protocol and ports stay 0 where no ports can be read. Returns 0 or the verdict
 * on a packet that cannot be read. */
static __always_inline int parse_any(struct __sk_buff *skb, __u32 link_header,
				     struct packet *packet, struct copied *copied,
				     struct flow *flow)
{
	int obstacle;

	__builtin_memset(packet, 0, sizeof(*packet));
	__builtin_memset(copied, 0, sizeof(*copied));
	*flow = flow_of(&copied->network, &copied->ports, &copied->protocol);
	obstacle = find_network(skb, link_header, packet);
	if (!obstacle)
		obstacle = read_network(skb, packet, &copied->network);
	if (!obstacle)
		obstacle = skip_extensions(skb, packet);
	if (obstacle || !has_ports(packet->protocol))
		return obstacle;
	if (bpf_skb_load_bytes(skb, packet->transport, &copied->ports, sizeof(copied->ports)))
		return VERDICT_TRUNCATED;
	copied->protocol = packet->protocol;
	return 0;
}

#endif
