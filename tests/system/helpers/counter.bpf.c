/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * A neighbour: counts the IPv6 packets that it gets to see, by flow label, and hands them on.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

SEC("tc")
int count(struct __sk_buff *skb)
{
	const __u64 one = 1;
	__u32 word;
	__u64 *packets;

	if (skb->protocol != bpf_htons(ETH_P_IPV6) ||
	    bpf_skb_load_bytes(skb, sizeof(struct ethhdr), &word, sizeof(word)) < 0)
		return -1;
	word = bpf_ntohl(word) & 0xFFFFF;
	packets = bpf_map_lookup_elem(&seen, &word);
	if (packets)
		__sync_fetch_and_add(packets, 1);
	else
		bpf_map_update_elem(&seen, &word, &one, BPF_ANY);
	return -1; /* TCX_NEXT */
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
