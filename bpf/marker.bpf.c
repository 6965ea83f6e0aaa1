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

/* The IPv6 header is at most 22 octets from the start of the frame; the verifier wants to see
 * a limit. */
#define NETWORK_MASK 31
_Static_assert(ETH_HLEN + TAGS_MAX * 4 <= NETWORK_MASK, "the writer reaches every header");

static __always_inline void order(struct __sk_buff *skb, const struct hit *hit,
				  const struct packet *packet, struct traffic traffic)
{
	skb->cb[ORDER_WORD] = (__u32)hit->word;
	skb->cb[ORDER_COUNTER] = hit->counter;
	skb->cb[ORDER_PLACE] = packet->network << 16 | (__u16)traffic.packets;
	skb->cb[ORDER_BYTES] = traffic.bytes;
}

/* Hands a packet that has a mark to the writer, which does not come back. Counts one that
 * stays as it is. */
static __always_inline int mark_or_count(struct __sk_buff *skb, const struct packet *packet,
					 const struct hit *hit, enum verdict verdict)
{
	struct traffic traffic = on_the_wire(skb, packet);

	if (hit->word) {
		order(skb, hit, packet, traffic);
		bpf_tail_call(skb, &writers, 0);
		verdict = VERDICT_WRITE_FAILED;
	}
	count_verdict(skb, own_stripe(), verdict, traffic);
	return TC_ACT_UNSPEC;
}

/* Returns the verdict on a packet that no mark applies to. */
static __always_inline enum verdict look_up(struct exact_key *key, __u32 kinds, struct hit *hit)
{
	kinds = possible_kinds(key, kinds);
	if (kinds)
		find_mark(key, kinds, hit);
	return hit->matched ? VERDICT_EXPIRED : VERDICT_NO_MATCH;
}

/* Without any mark nothing is looked at, nothing counted: that is what makes it cheap. The
 * short way has everything behind it to itself, so that what is constant there stays so. */
static __always_inline int mark(struct __sk_buff *skb, __u32 link_header)
{
	__u32 kinds = control_word(CONTROL_KINDS);
	struct hit hit = {};
	struct packet packet;
	struct exact_key key;
	int verdict;

	if (!kinds)
		return TC_ACT_UNSPEC;
	if (parse_plain(skb, link_header, &packet, &key)) {
		verdict = look_up(&key, kinds, &hit);
		return mark_or_count(skb, &packet, &hit, verdict);
	}
	verdict = parse_any(skb, link_header, &packet, &key);
	if (!verdict)
		verdict = look_up(&key, kinds, &hit);
	return mark_or_count(skb, &packet, &hit, verdict);
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

/* Writes version, class and label. False if the packet does not reach that far. */
static __always_inline bool overwrite(struct __sk_buff *skb, __u32 network, __u32 mark,
				      __u32 *ret_marked)
{
	__be32 *first = (void *)(long)skb->data + network;

	if ((void *)(first + 1) > (void *)(long)skb->data_end)
		return false;
	*ret_marked = marked_word(skb, mark, bpf_ntohl(*first));
	*first = bpf_htonl(*ret_marked);
	return true;
}

SEC("tc")
int write_mark(struct __sk_buff *skb)
{
	__u32 mark = skb->cb[ORDER_WORD], place = skb->cb[ORDER_PLACE];
	__u32 network = place >> 16 & NETWORK_MASK, stripe = own_stripe(), marked;
	struct traffic traffic = {(__u16)place, skb->cb[ORDER_BYTES]};

	if (!overwrite(skb, network, mark, &marked) &&
	    (bpf_skb_pull_data(skb, network + sizeof(__be32)) ||
	     !overwrite(skb, network, mark, &marked))) {
		count_verdict(skb, stripe, VERDICT_WRITE_FAILED, traffic);
		return TC_ACT_UNSPEC;
	}
	count_traffic(&mark_traffic, skb->cb[ORDER_COUNTER], traffic);
	if (mark & (WORD_HAS_RAW | WORD_HAS_SCITAG))
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
	struct exact_key key;
	__u32 pair;

	if (!control_word(CONTROL_OBSERVE))
		return TC_ACT_UNSPEC;
	if (find_network(skb, link_header, &packet) || read_network(skb, &packet, &key))
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
