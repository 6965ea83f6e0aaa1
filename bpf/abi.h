/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Layout of everything that the BPF programs and the agent both touch. The only
 * file that the two sides share; included by bpf/ and by agent/datapath.
 *
 * All memory-mapped arrays are written with single aligned 8-byte stores and read
 * with single aligned 8-byte loads, so neither side ever sees half a value.
 */
#ifndef WAYMARK_ABI_H
#define WAYMARK_ABI_H

#include <linux/types.h>

/* Raised with every change of a map's layout; kept with the maps in control[CONTROL_VERSION],
 * so that whoever finds them pinned knows what they are. */
#define ABI_VERSION 5

/* Maps from this one on are migrated when they are found pinned. */
#define ABI_VERSION_OLDEST 4

/* ---- matches: hash, exact_key -> entry; networks: LPM trie, prefix_key -> entry ----
 *
 *   63          32 31             24 23         0
 *  |  tag         |  prefix length  |   slot     |
 *
 * The kernel reuses the elements of a hash at once: what a lookup has found may have become
 * the entry of another key when it is read. The tag proves whose it is, and that it is in one
 * piece. A trie frees its nodes after an RCU grace period, so there the tag is 0. But a trie
 * does not tell which prefix it found; its length leads from an expired one to the next
 * shorter. In the hash the length is 0. */

#define ENTRY_TAG_SHIFT 32
#define ENTRY_LENGTH_SHIFT 24
#define ENTRY_LENGTH_MASK 0xFFu
#define ENTRY_SLOT_MASK 0xFFFFFFu

/* FLOW fills all of it, ENDPOINT leaves source and source_port zero, HOST everything but
 * destination. Padding is zero: it is hashed. */
struct exact_key {
	__u8 destination[16]; /* as in the packet */
	__u8 source[16];
	__be16 source_port;
	__be16 destination_port;
	__u8 protocol; /* IANA number */
	__u8 padding[3];
} __attribute__((aligned(8))); /* loaded as five words */

struct prefix_key {
	__u32 length; /* 0..128 bits, host byte order */
	__u8 destination[16];
};

/* The last word of an exact_key: ports as they are loaded from a packet, and protocol. */
static inline __u64 key_end_of(__u32 ports, __u8 protocol)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return ports | (__u64)protocol << 32;
#else
	return (__u64)ports << 32 | (__u64)protocol << 24;
#endif
}

/* Hash of an address, given as its two halves as they are loaded from memory. A product carries
 * upwards only: the upper bits are the good ones. */
static inline __u64 address_hash(__u64 high, __u64 low)
{
	return high * 0x9E3779B97F4A7C15ull + low * 0xD6E8FEB86659FD93ull;
}

/* Hash of a key, of its destination's hash and its other words. Odd factors keep every bit. */
static inline __u64 key_hash(__u64 destination, __u64 source_high, __u64 source_low, __u64 end)
{
	return destination + source_high * 0xBF58476D1CE4E5B9ull +
	       source_low * 0x94D049BB133111EBull + end * 0xC2B2AE3D27D4EB4Full;
}

/* Two keys share a tag once in 2^32. The slot is in it, so that half an entry is told, too. */
static inline __u64 entry_value(__u64 hash, __u32 slot)
{
	return (hash >> 32 ^ slot) << ENTRY_TAG_SHIFT | slot;
}

/* Is this the value of a key with that hash? */
static inline int entry_belongs(__u64 entry, __u64 hash)
{
	return (entry ^ hash) >> ENTRY_TAG_SHIFT == (__u32)entry;
}

static inline __u64 entry_tagged(const struct exact_key *key, __u32 slot)
{
	__u64 word[5];

	__builtin_memcpy(word, key, sizeof(word));
	return entry_value(key_hash(address_hash(word[0], word[1]), word[2], word[3], word[4]),
			   slot);
}

/* ---- marks: array of rows, [stripe * slots + slot]; what to write and what was written ----
 *
 *   63            32 31   29 28       27     26     25    20 19            0
 *  | lease index    | zero  | SCITAG | RAW  | DSCP | dscp   | label (20)    |
 *
 * A word of 0 marks nothing: the slot is free. Slot 0 is never used. At most one of
 * RAW and SCITAG. With SCITAG only the structural bits of label are set. */
#define WORD_LABEL_MASK 0xFFFFFull
#define WORD_DSCP_SHIFT 20
#define WORD_DSCP_MASK 0x3Full
#define WORD_HAS_DSCP (1ull << 26)
#define WORD_HAS_RAW (1ull << 27)
#define WORD_HAS_SCITAG (1ull << 28)
#define WORD_LEASE_SHIFT 32

struct traffic {
	__u64 packets; /* segments of a GSO packet count each */
	__u64 bytes; /* from the IPv6 header on, with the headers of every segment */
};

/* What CPUs count at once is kept COUNTER_STRIPES times; its value is the sum. A stripe is a
 * whole copy of the array: index = stripe * entries + entry. */
#define COUNTER_STRIPES 4u

/* Word and counters of a mark share a cache line, so every stripe has the word. FLOW and
 * ENDPOINT use stripe 0 only: a flow is one place in the cache. */
struct mark_row {
	__u64 word;
	struct traffic traffic;
	__u64 padding; /* no row lies on two lines */
};

/* The 20-bit label of draft-cc-v6ops-wlcg-flow-label-marking: EECCCCCCCCCEAAAAAAEE. */
#define LABEL_STRUCTURAL_MASK 0x3FEFCu
#define LABEL_ENTROPY_MASK 0xC0103u

/* ---- leases: array of words, [index]; the deadline in jiffies64 ----
 * A mark is in force while jiffies64 < deadline. Index 0 is LEASE_NEVER for good. */
#define LEASE_NEVER (~0ull)

/* ---- filter: array of words of 16 buckets of 4 bits, [uppermost bits of address_hash()] ----
 * A clear bit proves that no mark of that kind has this destination; a set one proves
 * nothing. NETWORK is hashed from the destination masked to common.shortest_prefix. The number
 * of buckets is a power of two. */
#define FILTER_FLOW 1u
#define FILTER_ENDPOINT 2u
#define FILTER_HOST 4u
#define FILTER_NETWORK 8u
#define FILTER_BITS 4u
#define FILTER_BUCKETS_PER_WORD 16u

/* ---- control: array of words, [enum control_word]; about the maps, for agents ---- */
enum control_word {
	CONTROL_SINCE = 3, /* when the counters began, ns since 1970 */
	CONTROL_VERSION = 4, /* ABI_VERSION of whoever made the maps; at this place in every
			      * version */
	CONTROL_WORDS
};

/* The pair of a label is its structural part: label bits 17..9 (experiment, bit-reversed)
 * above bits 7..2 (activity). */
#define PAIRS (1u << 15)

static inline __u32 label_pair(__u32 label)
{
	return ((label >> 9 & 0x1FF) << 6) | (label >> 2 & 0x3F);
}

/* ---- observed_traffic: array of struct traffic, [stripe * PAIRS + pair] ----
 * Ordinary automatic flow labels are random and nearly all decode to some pair, so only
 * pairs of the registry are told apart: known_pairs is a bit set of PAIRS bits in words.
 * Everything else that arrives as IPv6 counts under pair 0, which no experiment has. */
#define KNOWN_PAIR_WORDS (PAIRS / 64)
#define PAIR_OTHER 0u

/* What became of a packet; the names of waymark.v1.SkipReason. */
enum verdict {
	VERDICT_MARKED,
	VERDICT_NOT_IPV6,
	VERDICT_TRUNCATED,
	VERDICT_NO_MATCH,
	VERDICT_EXPIRED,
	VERDICT_WRITE_FAILED,
	VERDICTS
};

struct interface_traffic {
	__u64 packets[VERDICTS]; /* their sum is what the program has seen */
	__u64 marked_bytes;
	__u64 padding;
};

#define INTERFACES 4096u
#define INTERFACE_OTHER 0u /* any ifindex >= INTERFACES */

/* ---- common: one block, the programs' global data ----
 * They know its address, which spares a packet four lookups. Linux 5.10 makes none of more
 * than 4 MiB. */
struct common_stripe {
	struct interface_traffic interfaces[INTERFACES]; /* by ifindex */
	struct traffic sent[PAIRS]; /* by pair, in packets as marked */
};

struct common {
	__u64 kinds; /* FILTER_* of the kinds that have any mark at all */
	__u64 shortest_prefix; /* 0..128, of the networks in use; meaningless without any */
	__u64 observe; /* 1: the ingress observer counts */
	__u64 padding[5];
	struct common_stripe stripes[COUNTER_STRIPES];
};

/* ---- stages: program array, [enum stage]: programs that others go on with, by tail call;
 * __sk_buff.cb carries their orders ---- */
enum stage {
	STAGE_WRITE, /* writes a mark */
	STAGE_NETWORK, /* looks for a mark of a network */
	STAGES
};

enum order {
	ORDER_WORD, /* STAGE_WRITE: mark word, bits 31..0; STAGE_NETWORK: 1: some mark matched
		     */
	ORDER_PLACE, /* offset of the IPv6 header << ORDER_PLACE_SHIFT | packets on the wire */
	ORDER_BYTES, /* on the wire, as in struct traffic */
	ORDER_ROW, /* STAGE_WRITE: index in marks */
};

#define ORDER_PLACE_SHIFT 27

_Static_assert(sizeof(struct exact_key) == 40, "exact_key is hashed as 40 bytes");
_Static_assert(sizeof(struct prefix_key) == 20, "an LPM key is the length and the bytes");
_Static_assert(sizeof(struct traffic) == 16, "two words");
_Static_assert(sizeof(struct mark_row) == 32, "two of them fill a cache line");
_Static_assert(sizeof(struct interface_traffic) == 64, "one cache line");
_Static_assert(sizeof(struct common) < 4 << 20, "Linux 5.10 can make it");

#endif
