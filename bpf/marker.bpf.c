/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Marks packets that leave the host, and counts marks that arrive.
 *
 * The program that looks up never writes: a program that may write makes the kernel copy the
 * headers of every cloned packet, that is of all local TCP, marked or not. So only the few
 * packets that have a mark reach the writer, by tail call; __sk_buff.cb carries its orders.
 *
 * Every way out is TC_ACT_UNSPEC: programs and filters behind this one still see the packet.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"
#include "count.h"
#include "label.h"
#include "lookup.h"
#include "maps.h"
#include "parse.h"
#include "wire.h"

#define NO_LINK_HEADER 0

/* The furthest that an IPv6 header can be from the start of the frame. */
#define NETWORK_MAX (ETH_HLEN + TAGS_MAX * 4)

static __always_inline void order(struct __sk_buff *skb, const struct hit *hit,
				  const struct packet *packet, struct traffic traffic)
{
	skb->cb[ORDER_WORD_LOW] = (__u32)hit->word;
	skb->cb[ORDER_WORD_HIGH] = hit->word >> 32;
	skb->cb[ORDER_COUNTER] = hit->counter;
	skb->cb[ORDER_PLACE] = packet->network << 16 | (__u16)traffic.packets;
	skb->cb[ORDER_BYTES] = traffic.bytes;
}

/* Hands a packet that has a mark to the writer, which does not come back. Returns the verdict
 * on one that stays as it is. */
static __always_inline enum verdict mark_readable(struct __sk_buff *skb, struct packet *packet,
						  __u32 kinds, struct traffic traffic)
{
	struct hit hit;

	kinds = possible_kinds(packet, kinds);
	if (!kinds)
		return VERDICT_NO_MATCH;
	hit = find_mark(packet, kinds);
	if (!hit.word)
		return hit.matched ? VERDICT_EXPIRED : VERDICT_NO_MATCH;
	order(skb, &hit, packet, traffic);
	bpf_tail_call(skb, &writers, 0);
	return VERDICT_WRITE_FAILED;
}

/* Without any mark nothing is looked at, nothing counted: that is what makes it cheap. */
static __always_inline int mark(struct __sk_buff *skb, __u32 link_header)
{
	__u32 kinds = control_word(CONTROL_KINDS);
	struct packet packet;
	__u32 stripe = own_stripe();
	struct traffic traffic;
	int verdict;

	if (!kinds)
		return TC_ACT_UNSPEC;
	verdict = parse(skb, link_header, &packet);
	traffic = on_the_wire(skb, &packet);
	if (!verdict)
		verdict = mark_readable(skb, &packet, kinds, traffic);
	count_verdict(skb, stripe, verdict, traffic);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int mark_l2(struct __sk_buff *skb)
{
	return mark(skb, ETH_HLEN);
}

SEC("tc")
int mark_l3(struct __sk_buff *skb)
{
	return mark(skb, NO_LINK_HEADER);
}

/* The word at this offset, NULL if the packet does not reach that far. */
static __always_inline __be32 *linear_word(struct __sk_buff *skb, __u32 offset)
{
	void *word = (void *)(long)skb->data + offset;

	return word + sizeof(__be32) <= (void *)(long)skb->data_end ? word : NULL;
}

/* Version, class and label of the IPv6 header, writable; NULL if there is no memory. */
static __always_inline __be32 *first_word(struct __sk_buff *skb, __u32 network)
{
	__be32 *word;

	if (network > NETWORK_MAX)
		return NULL;
	word = linear_word(skb, network);
	if (word)
		return word;
	if (bpf_skb_pull_data(skb, network + sizeof(__be32)))
		return NULL;
	return linear_word(skb, network);
}

SEC("tc")
int write_mark(struct __sk_buff *skb)
{
	__u64 word = (__u64)skb->cb[ORDER_WORD_HIGH] << 32 | skb->cb[ORDER_WORD_LOW];
	__u32 place = skb->cb[ORDER_PLACE];
	struct traffic traffic = {(__u16)place, skb->cb[ORDER_BYTES]};
	__be32 *first = first_word(skb, place >> 16);
	__u32 stripe = own_stripe(), marked;

	if (!first) {
		count_verdict(skb, stripe, VERDICT_WRITE_FAILED, traffic);
		return TC_ACT_UNSPEC;
	}
	marked = marked_word(skb, word, bpf_ntohl(*first));
	*first = bpf_htonl(marked);

	count_traffic(&mark_traffic, skb->cb[ORDER_COUNTER], traffic);
	if (word & (WORD_HAS_RAW | WORD_HAS_SCITAG))
		count_pair(&sent_traffic, stripe, label_pair(marked), traffic);
	count_verdict(skb, stripe, VERDICT_MARKED, traffic);
	return TC_ACT_UNSPEC;
}

static __always_inline bool is_known(__u32 pair)
{
	__u32 index = pair / 64;
	const __u64 *word = bpf_map_lookup_elem(&known_pairs, &index);

	return word && load_once(word) >> pair % 64 & 1;
}

/* Ports do not matter here: whatever has an IPv6 header counts. */
static __always_inline int observe(struct __sk_buff *skb, __u32 link_header)
{
	struct packet packet = {};
	__u32 pair;

	if (!control_word(CONTROL_OBSERVE))
		return TC_ACT_UNSPEC;
	if (find_network(skb, link_header, &packet) || read_network(skb, &packet))
		return TC_ACT_UNSPEC;
	if (skb->gso_size)
		skip_extensions(skb, &packet);
	pair = label_pair(packet.label);
	if (!is_known(pair))
		pair = PAIR_OTHER;
	count_pair(&observed_traffic, own_stripe(), pair, on_the_wire(skb, &packet));
	return TC_ACT_UNSPEC;
}

SEC("tc")
int observe_l2(struct __sk_buff *skb)
{
	return observe(skb, ETH_HLEN);
}

SEC("tc")
int observe_l3(struct __sk_buff *skb)
{
	return observe(skb, NO_LINK_HEADER);
}

/* The agent runs this to learn what jiffies a deadline on CLOCK_BOOTTIME is. */
SEC("tc")
int read_clock(struct __sk_buff *skb)
{
	(void)skb;
	clock_jiffies = bpf_jiffies64();
	clock_boottime = bpf_ktime_get_boot_ns();
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "GPL";
