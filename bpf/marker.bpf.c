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
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <stddef.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"
#include "count.h"
#include "label.h"
#include "lookup.h"
#include "maps.h"
#include "parse.h"
#include "stage.h"
#include "wire.h"

#define NO_LINK_HEADER 0

static __always_inline enum verdict verdict_without(const struct hit *hit)
{
	return hit->matched ? VERDICT_EXPIRED : VERDICT_NO_MATCH;
}

/* Hands on what has a mark, or may have one of a network: those stages do not come back. Counts
 * what stays as it is. */
static __always_inline int look_up(struct __sk_buff *skb, const struct packet *packet,
				   const struct flow *flow, __u32 kinds)
{
	struct counters counters;
	struct traffic traffic;
	enum verdict verdict;
	struct hit hit = {};

	find_exact_mark(flow, kinds, &hit);
	traffic = on_the_wire(skb, packet, flow->protocol);
	counters = own_counters(skb);
	if (hit.word) {
		order_place(skb, packet->network, traffic);
		write_next(skb, &hit, &counters, traffic);
		return TC_ACT_UNSPEC;
	}
	verdict = verdict_without(&hit);
	if (kinds & FILTER_NETWORK && is_possible_network(flow)) {
		order_place(skb, packet->network, traffic);
		skb->cb[ORDER_WORD] = hit.matched != 0;
		bpf_tail_call(skb, &stages, STAGE_NETWORK);
		verdict = VERDICT_WRITE_FAILED;
	}
	count_verdict(&counters, verdict, traffic.packets);
	return TC_ACT_UNSPEC;
}

static __always_inline int mark_any(struct __sk_buff *skb, __u32 link_header, __u32 kinds)
{
	struct counters counters;
	struct traffic traffic;
	struct packet packet;
	struct copied copied;
	struct flow flow;
	int obstacle = parse_any(skb, link_header, &packet, &copied, &flow);

	if (!obstacle)
		return look_up(skb, &packet, &flow, kinds);
	traffic = on_the_wire(skb, &packet, flow.protocol);
	counters = own_counters(skb);
	count_verdict(&counters, obstacle, traffic.packets);
	return TC_ACT_UNSPEC;
}

/* Without any mark nothing is looked at, nothing counted: that is what makes it cheap. The
 * short way has everything behind it to itself, so that what is constant there stays so. */
static __always_inline int mark(struct __sk_buff *skb, __u32 link_header)
{
	__u32 kinds = load_once(&common.kinds);
	struct packet packet;
	struct flow flow;

	if (!kinds)
		return TC_ACT_UNSPEC;
	if (parse_plain(skb, link_header, &packet, &flow))
		return look_up(skb, &packet, &flow, kinds);
	return mark_any(skb, link_header, kinds);
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

/* Apart, because only few packets have a mark of a network, and a search in prefixes is dear in
 * any case. */
SEC("tc")
int mark_networks(struct __sk_buff *skb)
{
	const struct traffic traffic = ordered_traffic(skb);
	const struct counters counters = own_counters(skb);
	struct hit hit = {.matched = skb->cb[ORDER_WORD]};
	struct prefix_key key;

	if (!bpf_skb_load_bytes(skb, ordered_network(skb) + offsetof(struct ipv6hdr, daddr),
				key.destination, sizeof(key.destination)))
		find_network_mark(&key, &hit);
	if (hit.word)
		write_next(skb, &hit, &counters, traffic);
	else
		count_verdict(&counters, verdict_without(&hit), traffic.packets);
	return TC_ACT_UNSPEC;
}

/* The first word of the IPv6 header; NULL: the packet does not reach that far. */
static __always_inline __be32 *first_word(struct __sk_buff *skb)
{
	__be32 *first = (void *)(long)skb->data + ordered_network(skb);

	return (void *)(first + 1) <= (void *)(long)skb->data_end ? first : NULL;
}

static __always_inline int write_failed(struct __sk_buff *skb)
{
	const struct counters counters = own_counters(skb);
	__u32 index = skb->cb[ORDER_ROW];
	struct mark_row *row = bpf_map_lookup_elem(&marks, &index);

	if (row)
		count_failed(&counters, row, skb->cb[ORDER_WORD], ordered_traffic(skb));
	return TC_ACT_UNSPEC;
}

/* Apart, so that the usual way keeps no registers for the sake of calls. */
static __noinline int write_with_calls(struct __sk_buff *skb)
{
	__u32 mark = skb->cb[ORDER_WORD], entropy = hash_entropy(bpf_get_hash_recalc(skb));
	__be32 *first = first_word(skb);

	if (!first) {
		if (bpf_skb_pull_data(skb, ordered_network(skb) + sizeof(*first)))
			return write_failed(skb);
		first = first_word(skb);
		if (!first)
			return write_failed(skb);
	}
	*first = bpf_htonl(marked_word(mark, bpf_ntohl(*first), entropy));
	return TC_ACT_UNSPEC;
}

SEC("tc")
int write_mark(struct __sk_buff *skb)
{
	__u32 mark = skb->cb[ORDER_WORD], word;
	__be32 *first = first_word(skb);

	if (!first)
		return write_with_calls(skb);
	word = bpf_ntohl(*first);
	if (needs_entropy(mark, word))
		return write_with_calls(skb);
	*first = bpf_htonl(marked_word(mark, word, 0));
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
	struct traffic *counter;
	struct ipv6hdr header;
	__u32 pair, index;

	if (!load_once(&common.observe))
		return TC_ACT_UNSPEC;
	if (find_network(skb, link_header, &packet) || read_network(skb, &packet, &header))
		return TC_ACT_UNSPEC;
	if (skb->gso_size)
		skip_extensions(skb, &packet);
	pair = label_pair(packet.label);
	if (!is_known(pair))
		pair = PAIR_OTHER;
	index = own_stripe() * PAIRS + pair;
	counter = bpf_map_lookup_elem(&observed_traffic, &index);
	if (counter)
		count_traffic(counter, on_the_wire(skb, &packet, &packet.protocol));
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
