/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The maps of layout 4, and of its program as much as HOST marks with raw labels need. It
 * stands for an agent of that time, so nothing of it is shared with bpf/.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define SLOTS 64
#define STRIPES 4
#define PAIRS 32768
#define INTERFACES 4096
#define LABEL 0xFFFFFu

struct exact_key {
	__u8 destination[16], source[16];
	__be16 source_port, destination_port;
	__u8 protocol, padding[3];
};

struct prefix_key {
	__u32 length;
	__u8 destination[16];
};

struct traffic {
	__u64 packets, bytes;
};

struct interface_traffic {
	__u64 packets[6]; /* the first: marked */
	__u64 marked_bytes, padding;
};

#define ARRAY(entries, of)                         \
	struct {                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);  \
		__uint(max_entries, entries);      \
		__uint(map_flags, BPF_F_MMAPABLE); \
		__type(key, __u32);                \
		__type(value, of);                 \
	}

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, struct exact_key);
	__type(value, __u64);
} matches SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 8);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix_key);
	__type(value, __u64);
} networks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} writers SEC(".maps");

ARRAY(SLOTS, __u64) marks SEC(".maps"), leases SEC(".maps"), filter SEC(".maps");
ARRAY(5, __u64) control SEC(".maps");
ARRAY(PAIRS / 64, __u64) known_pairs SEC(".maps");
ARRAY(SLOTS *STRIPES, struct traffic) mark_traffic SEC(".maps");
ARRAY(PAIRS *STRIPES, struct traffic) sent_traffic SEC(".maps"), observed_traffic SEC(".maps");
ARRAY(INTERFACES *STRIPES, struct interface_traffic) interfaces SEC(".maps");

static __always_inline void count(struct __sk_buff *skb, __u32 slot)
{
	struct traffic *traffic = bpf_map_lookup_elem(&mark_traffic, &slot);
	__u32 ifindex = skb->ifindex;
	struct interface_traffic *interface = bpf_map_lookup_elem(&interfaces, &ifindex);

	if (!traffic || !interface)
		return;
	__sync_fetch_and_add(&traffic->packets, 1);
	__sync_fetch_and_add(&traffic->bytes, skb->len - ETH_HLEN);
	__sync_fetch_and_add(&interface->packets[0], 1);
	__sync_fetch_and_add(&interface->marked_bytes, skb->len - ETH_HLEN);
}

/* Filters of ours are known by this name. */
SEC("tc")
int mark_l2(struct __sk_buff *skb)
{
	const struct ethhdr *link = (void *)(long)skb->data;
	struct ipv6hdr *header = (void *)(link + 1);
	struct exact_key key = {};
	const __u64 *entry, *word;
	__u32 slot;

	if ((void *)(header + 1) > (void *)(long)skb->data_end ||
	    link->h_proto != bpf_htons(ETH_P_IPV6))
		return TC_ACT_UNSPEC;
	__builtin_memcpy(key.destination, &header->daddr, sizeof(key.destination));
	entry = bpf_map_lookup_elem(&matches, &key);
	if (!entry)
		return TC_ACT_UNSPEC;
	slot = (__u32)*entry;
	word = bpf_map_lookup_elem(&marks, &slot);
	if (!word)
		return TC_ACT_UNSPEC;
	count(skb, slot);
	*(__be32 *)header = (*(__be32 *)header & bpf_htonl(~LABEL)) | bpf_htonl(*word & LABEL);
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "GPL";
