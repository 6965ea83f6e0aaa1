/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What the marker is measured against, and a program that gives each packet another
 * destination before it calls the one that is measured.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "addresses.h"
#include "bpf/abi.h"

typedef __u64 __attribute__((may_alias)) address_word;

enum bare_key { BARE_FLOW, BARE_ENDPOINT, BARE_HOST };

const volatile __u32 bare_key = BARE_HOST;

/* Set between runs. */
__u32 rotate_count = 1; /* destinations */
__u64 rotate_first = 0; /* the number of the first one */
__u64 rotate_high = 0; /* the /48 of all; NETWORKS: each has its own */
#define NETWORKS (~0ull)

__u64 random_state = 88172645463325252ull;

/* The agent's own table takes its place. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct exact_key);
	__type(value, __u64);
} matches SEC(".maps");

/* The seed has a table for each half of the address, and counts by the size of packets. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, __u32);
} highs SEC(".maps"), lows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} histogram SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} measured SEC(".maps");

struct ports {
	__be16 source, destination;
};

static __always_inline struct ipv6hdr *header_of(struct __sk_buff *skb)
{
	const struct ethhdr *link = (void *)(long)skb->data;
	struct ipv6hdr *header = (void *)(link + 1);

	if ((void *)(header + 1) + sizeof(struct ports) > (void *)(long)skb->data_end ||
	    link->h_proto != bpf_htons(ETH_P_IPV6))
		return NULL;
	return header;
}

static __always_inline void label_write(struct ipv6hdr *header, __u32 label)
{
	__be32 *first = (__be32 *)header;

	*first = (*first & bpf_htonl(0xFFF00000)) | bpf_htonl(label & 0xFFFFF);
}

SEC("tc")
int empty(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_UNSPEC;
}

/* The least that anything with this key and this table can do. */
SEC("tc")
int bare(struct __sk_buff *skb)
{
	struct ipv6hdr *header = header_of(skb);
	struct exact_key key = {};
	const struct ports *ports;
	const __u64 *found;

	if (!header)
		return TC_ACT_UNSPEC;
	ports = (void *)(header + 1);
	((address_word *)key.destination)[0] = ((address_word *)&header->daddr)[0];
	((address_word *)key.destination)[1] = ((address_word *)&header->daddr)[1];
	if (bare_key != BARE_HOST) {
		key.protocol = header->nexthdr;
		key.destination_port = ports->destination;
	}
	if (bare_key == BARE_FLOW) {
		((address_word *)key.source)[0] = ((address_word *)&header->saddr)[0];
		((address_word *)key.source)[1] = ((address_word *)&header->saddr)[1];
		key.source_port = ports->source;
	}
	found = bpf_map_lookup_elem(&matches, &key);
	if (found)
		label_write(header, (__u32)*found);
	return TC_ACT_UNSPEC;
}

/* Looks up both halves of the destination; if they agree on a label it is written. */
SEC("tc")
int seed(struct __sk_buff *skb)
{
	struct ipv6hdr *header = header_of(skb);
	__u32 bucket = skb->len / 64 % 64;
	const __u32 *by_high, *by_low;
	__u64 high, low, *count;

	if (!header)
		return TC_ACT_UNSPEC;
	high = ((address_word *)&header->daddr)[0];
	low = ((address_word *)&header->daddr)[1];
	by_high = bpf_map_lookup_elem(&highs, &high);
	by_low = bpf_map_lookup_elem(&lows, &low);
	if (by_high && by_low && *by_high == *by_low)
		label_write(header, *by_low);
	count = bpf_map_lookup_elem(&histogram, &bucket);
	if (count)
		__sync_fetch_and_add(count, 1);
	return TC_ACT_UNSPEC;
}

static __always_inline __u32 random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state >> 32;
}

SEC("tc")
int rotate(struct __sk_buff *skb)
{
	struct ipv6hdr *header = header_of(skb);
	__u64 number = rotate_first + ((__u64)random_next() * rotate_count >> 32);

	if (!header)
		return TC_ACT_UNSPEC;
	((address_word *)&header->daddr)[0] =
		bench_high(rotate_high == NETWORKS ? number : rotate_high);
	((address_word *)&header->daddr)[1] = bench_low(number);
	bpf_tail_call(skb, &measured, 0);
	return TC_ACT_SHOT; /* nothing is measured */
}

char _license[] SEC("license") = "GPL";
