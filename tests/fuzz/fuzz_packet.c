/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets to the BPF program, built for user space, against the oracle of tests/bpf. Octets
 * behind the linear part of the buffer are poisoned: reading them without asking is an error,
 * as the verifier would say. Marks come from the samples that the seeds come from, too.
 *
 *	octets 0-3: seed of the marks; 4: bit 0 Ethernet, the rest the linear part;
 *	5: gso_size; 6: gso_segs; then the frame
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>
#include <sanitizer/asan_interface.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bpf/abi.h"
#include "shim/bpf/bpf_helpers.h"
#include "tests/bpf/oracle.h"
#include "tests/bpf/sample.h"

#define HEAD 7
#define MARKS_MAX 16
#define LEASES 6 /* 0: never, 1, 2: in force, the others expired */
#define NOW 1000
#define IFINDEX 1

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* program.c; of the maps only the addresses matter. */
extern char matches[], networks[], marks[], leases[], filter[], known_pairs[];
extern char observed_traffic[], stages[];
extern struct common common;
int mark_l2(struct __sk_buff *skb);
int mark_l3(struct __sk_buff *skb);
int observe_l2(struct __sk_buff *skb);
int observe_l3(struct __sk_buff *skb);
int write_mark(struct __sk_buff *skb);
int mark_networks(struct __sk_buff *skb);

static struct {
	struct lab_mark marks[MARKS_MAX];
	bool lease_expired[LEASES];
	struct oracle oracle;
	struct mark_row rows[MARKS_MAX + 1];
	uint64_t entry, filter, deadlines[LEASES];
	struct traffic observed;
	struct frame frame; /* the whole of it, wherever it lies */
	uint8_t *memory; /* that __sk_buff can point to */
	jmp_buf end;
} world;

static void require(bool truth)
{
	if (!truth)
		abort();
}

/* ---- the kernel's part ---- */

static void *find_match(const struct exact_key *key)
{
	for (size_t i = 0; i < world.oracle.n; i++) {
		const struct lab_mark *mark = &world.marks[i];
		struct exact_key there = {.source_port = htons(mark->source_port),
					  .destination_port = htons(mark->destination_port),
					  .protocol = mark->protocol};

		memcpy(there.source, mark->source, sizeof(there.source));
		memcpy(there.destination, mark->destination, sizeof(there.destination));
		if (mark->kind == FILTER_NETWORK || memcmp(&there, key, sizeof(there)) != 0)
			continue;
		world.entry = entry_tagged(&there, (uint32_t)i + 1);
		return &world.entry;
	}
	return NULL;
}

static bool is_within(const uint8_t address[16], const struct lab_mark *mark)
{
	for (unsigned int bit = 0; bit < mark->length; bit++)
		if ((address[bit / 8] ^ mark->destination[bit / 8]) & 0x80 >> bit % 8)
			return false;
	return true;
}

static void *find_network(const struct prefix_key *key)
{
	int longest = -1;

	for (size_t i = 0; i < world.oracle.n; i++) {
		const struct lab_mark *mark = &world.marks[i];

		if (mark->kind != FILTER_NETWORK || mark->length > key->length ||
		    mark->length <= longest || !is_within(key->destination, mark))
			continue;
		longest = mark->length;
		world.entry = (uint64_t)mark->length << ENTRY_LENGTH_SHIFT | (i + 1);
	}
	return longest < 0 ? NULL : &world.entry;
}

static void *array_at(void *items, size_t n, size_t item_size, uint32_t index)
{
	return index < n ? (char *)items + index * item_size : NULL;
}

void *fuzz_map_lookup(void *map, const void *key)
{
	uint32_t index;

	if (map == matches)
		return find_match(key);
	if (map == networks)
		return find_network(key);
	memcpy(&index, key, sizeof(index));
	if (map == marks)
		return array_at(world.rows, MARKS_MAX + 1, sizeof(*world.rows), index);
	if (map == leases)
		return array_at(world.deadlines, LEASES, sizeof(*world.deadlines), index);
	if (map == filter)
		return array_at(&world.filter, 1, sizeof(world.filter), index);
	if (map == observed_traffic)
		return index < PAIRS * COUNTER_STRIPES ? &world.observed : NULL;
	require(map == known_pairs && index < KNOWN_PAIR_WORDS);
	return NULL;
}

void fuzz_tail_call(struct __sk_buff *skb, void *map, __u32 index)
{
	int verdict;

	require(map == stages && index < STAGES);
	verdict = index == STAGE_WRITE ? write_mark(skb) : mark_networks(skb);
	longjmp(world.end, verdict == TC_ACT_UNSPEC ? 1 : 2);
}

long fuzz_load_bytes(const struct __sk_buff *skb, __u32 offset, void *to, __u32 size)
{
	if (offset > skb->len || size > skb->len - offset)
		return -EFAULT;
	memcpy(to, world.frame.bytes + offset, size);
	return 0;
}

static void set_linear(struct __sk_buff *skb, size_t size)
{
	skb->data_end = skb->data + (uint32_t)size;
	ASAN_UNPOISON_MEMORY_REGION(world.memory, FRAME_MAX);
	ASAN_POISON_MEMORY_REGION(world.memory + size, FRAME_MAX - size);
}

long fuzz_pull_data(struct __sk_buff *skb, __u32 size)
{
	if (size > skb->len)
		return -ENOMEM;
	if (size > skb->data_end - skb->data)
		set_linear(skb, size);
	return 0;
}

__u32 fuzz_hash(struct __sk_buff *skb)
{
	(void)skb;
	return 0x9E3779B9;
}

__u32 fuzz_processor(void)
{
	return 0;
}

__u64 fuzz_jiffies(void)
{
	return NOW;
}

__u64 fuzz_boottime(void)
{
	return 0;
}

/* ---- one packet ---- */

static void program_marks(uint64_t seed)
{
	struct sample sample = sample_start(seed);
	uint64_t shortest = 128, kinds = 0;

	world.oracle.n = sample_marks(&sample, world.marks, MARKS_MAX, LEASES);
	world.oracle.marks = world.marks;
	world.oracle.lease_expired = world.lease_expired;
	memset(world.rows, 0, sizeof(world.rows));
	for (size_t i = 0; i < world.oracle.n; i++) {
		world.rows[i + 1].word = world.marks[i].word;
		kinds |= world.marks[i].kind;
		if (world.marks[i].kind == FILTER_NETWORK && world.marks[i].length < shortest)
			shortest = world.marks[i].length;
	}
	for (size_t i = 0; i < LEASES; i++) {
		world.lease_expired[i] = i >= 3;
		world.deadlines[i] = i == 0 ? LEASE_NEVER : i >= 3 ? NOW : NOW + 1;
	}
	world.filter = kinds << FILTER_BITS | kinds; /* of two buckets */
	common.kinds = kinds;
	common.shortest_prefix = shortest;
	common.observe = 1;
}

static void read_frame(const uint8_t *data, size_t size, bool ethernet)
{
	world.frame.ethernet = ethernet;
	world.frame.length = size;
	world.frame.network = 0;
	memcpy(world.frame.bytes, data, size);
}

static struct __sk_buff make_buffer(const uint8_t head[static HEAD])
{
	const struct frame *frame = &world.frame;
	struct __sk_buff skb = {.len = (uint32_t)frame->length, .ifindex = IFINDEX};

	if (!world.memory) {
		world.memory = mmap(NULL, FRAME_MAX, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
		require(world.memory != MAP_FAILED);
	}
	ASAN_UNPOISON_MEMORY_REGION(world.memory, FRAME_MAX);
	memcpy(world.memory, frame->bytes, frame->length);
	skb.data = (uint32_t)(uintptr_t)world.memory;
	set_linear(&skb, head[4] >> 1 ? (head[4] >> 1) * frame->length / 127 : frame->length);
	memcpy(&skb.protocol, frame->bytes + 12, 2);
	skb.gso_size = head[5];
	skb.gso_segs = head[6];
	/* How many it stands for is anybody's guess where it cannot be read. */
	if (skb.gso_size && !skb.gso_segs && oracle_ask(&world.oracle, frame, 0, 0).bytes == 0)
		skb.gso_segs = 1;
	return skb;
}

static uint32_t first_word(const uint8_t *bytes)
{
	uint32_t word;

	memcpy(&word, bytes, sizeof(word));
	return ntohl(word);
}

/* Only the bits of the mark differ, and they as it says. */
static void check_octets(const struct expectation *expected)
{
	const struct frame *before = &world.frame;
	const uint8_t *after = world.memory;
	size_t word = expected->network, rest = word + 4;
	uint32_t should;

	ASAN_UNPOISON_MEMORY_REGION(world.memory, FRAME_MAX);
	if (expected->verdict != VERDICT_MARKED) {
		require(memcmp(before->bytes, after, before->length) == 0);
		return;
	}
	should = (first_word(before->bytes + word) & ~expected->mask) |
		 (expected->value & expected->mask);
	require(memcmp(before->bytes, after, word) == 0);
	require(((first_word(after + word) ^ should) & ~expected->free) == 0);
	require(memcmp(before->bytes + rest, after + rest, before->length - rest) == 0);
}

static void check_counters(const struct expectation *expected)
{
	const struct interface_traffic *interface = &common.stripes[0].interfaces[IFINDEX];
	const struct traffic *traffic = &world.rows[expected->mark + 1].traffic;

	if (world.oracle.n == 0)
		return;
	require(interface->packets[expected->verdict] == expected->packets);
	if (expected->verdict != VERDICT_MARKED)
		return;
	require(traffic->packets == expected->packets && traffic->bytes == expected->bytes);
	require(interface->marked_bytes == expected->bytes);
}

static void run_marker(struct __sk_buff *skb)
{
	int end;

	memset(&common.stripes[0].interfaces[IFINDEX], 0, sizeof(struct interface_traffic));
	end = setjmp(world.end);
	if (end == 0)
		require((world.frame.ethernet ? mark_l2 : mark_l3)(skb) == TC_ACT_UNSPEC);
	else
		require(end == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct expectation expected;
	struct __sk_buff skb;
	uint32_t seed;

	if (size < HEAD + ETH_HLEN || size > HEAD + FRAME_MAX)
		return 0;
	memcpy(&seed, data, sizeof(seed));
	program_marks(seed);
	read_frame(data + HEAD, size - HEAD, data[4] & 1);
	skb = make_buffer(data);
	require((world.frame.ethernet ? observe_l2 : observe_l3)(&skb) == TC_ACT_UNSPEC);
	expected = oracle_ask(&world.oracle, &world.frame, skb.gso_size, skb.gso_segs);
	run_marker(&skb);
	check_octets(&expected);
	check_counters(&expected);
	return 0;
}
