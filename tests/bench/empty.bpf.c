/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* A program that does nothing: what any program on the hook costs. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#define SEC(name) __attribute__((section(name), used))

SEC("tc") int empty(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_UNSPEC;
}

char terms[] SEC("license") = "Dual BSD/GPL";
