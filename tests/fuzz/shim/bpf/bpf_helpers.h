/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In the place of libbpf's header, so that the BPF program compiles for user space. What the
 * kernel would do is in fuzz_packet.c.
 */
#ifndef WAYMARK_FUZZ_BPF_HELPERS_H
#define WAYMARK_FUZZ_BPF_HELPERS_H

#include <linux/bpf.h>
#include <stddef.h>

#define SEC(name)
#define __uint(name, value) int(*name)[value]
#define __type(name, value) __typeof__(value) *name
#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

#ifndef __noinline
#define __noinline __attribute__((noinline))
#endif

/* libbpf has functions of these names. */
#define bpf_map_lookup_elem fuzz_map_lookup
#define bpf_tail_call fuzz_tail_call
#define bpf_skb_load_bytes fuzz_load_bytes
#define bpf_skb_pull_data fuzz_pull_data
#define bpf_get_hash_recalc fuzz_hash
#define bpf_get_smp_processor_id fuzz_processor
#define bpf_jiffies64 fuzz_jiffies
#define bpf_ktime_get_boot_ns fuzz_boottime

void *fuzz_map_lookup(void *map, const void *key);
void fuzz_tail_call(struct __sk_buff *skb, void *map, __u32 index);
long fuzz_load_bytes(const struct __sk_buff *skb, __u32 offset, void *to, __u32 size);
long fuzz_pull_data(struct __sk_buff *skb, __u32 size);
__u32 fuzz_hash(struct __sk_buff *skb);
__u32 fuzz_processor(void);
__u64 fuzz_jiffies(void);
__u64 fuzz_boottime(void);

#endif
