/* SPDX-License-Identifier: Apache-2.0 */
#include "lab.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "marker.skel.h"

void lab_size(struct marker *marker)
{
	bpf_map__set_max_entries(marker->maps.matches, LAB_SLOTS);
	bpf_map__set_max_entries(marker->maps.networks, LAB_SLOTS);
	bpf_map__set_max_entries(marker->maps.marks, LAB_SLOTS * COUNTER_STRIPES);
	bpf_map__set_max_entries(marker->maps.leases, LAB_LEASES);
	bpf_map__set_max_entries(marker->maps.filter, LAB_FILTER_WORDS);
	marker->rodata->slots = LAB_SLOTS;
	marker->rodata->filter_shift = 64 - LAB_FILTER_BITS;
}

static size_t mapped_size(const struct bpf_map *map)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t size = (size_t)bpf_map__value_size(map) * bpf_map__max_entries(map);

	return (size + page - 1) / page * page;
}

static void *map_memory(const struct bpf_map *map)
{
	void *memory = mmap(NULL, mapped_size(map), PROT_READ | PROT_WRITE, MAP_SHARED,
			    bpf_map__fd(map), 0);

	assert_ptr_not_equal(memory, MAP_FAILED);
	return memory;
}

void lab_plug(struct lab *lab, enum stage stage)
{
	const struct marker *marker = lab->marker;
	uint32_t key = stage;
	int program = bpf_program__fd(stage == STAGE_WRITE ? marker->progs.write_mark
							   : marker->progs.mark_networks);

	assert_int_equal(
		bpf_map_update_elem(bpf_map__fd(marker->maps.stages), &key, &program, BPF_ANY),
		0);
}

void lab_unplug(struct lab *lab, enum stage stage)
{
	uint32_t key = stage;

	assert_int_equal(bpf_map_delete_elem(bpf_map__fd(lab->marker->maps.stages), &key), 0);
}

void lab_open(struct lab *lab)
{
	struct marker *marker;

	if (geteuid() != 0)
		fail_msg("needs root: it loads BPF programs into the running kernel");
	marker = marker__open();
	assert_non_null(marker);
	lab_size(marker);
	assert_int_equal(marker__load(marker), 0);
	*lab = (struct lab){
		.marker = marker,
		.marks = map_memory(marker->maps.marks),
		.leases = map_memory(marker->maps.leases),
		.filter = map_memory(marker->maps.filter),
		.known_pairs = map_memory(marker->maps.known_pairs),
		.observed_traffic = map_memory(marker->maps.observed_traffic),
		.common = &marker->bss->common,
	};
	lab->leases[0] = LEASE_NEVER;
	lab_plug(lab, STAGE_WRITE);
	lab_plug(lab, STAGE_NETWORK);
}

void lab_close(struct lab *lab)
{
	munmap(lab->marks, mapped_size(lab->marker->maps.marks));
	munmap(lab->leases, mapped_size(lab->marker->maps.leases));
	munmap(lab->filter, mapped_size(lab->marker->maps.filter));
	munmap(lab->known_pairs, mapped_size(lab->marker->maps.known_pairs));
	munmap(lab->observed_traffic, mapped_size(lab->marker->maps.observed_traffic));
	marker__destroy(lab->marker);
}

static void map_empty(const struct bpf_map *map)
{
	uint8_t key[sizeof(struct exact_key)];

	while (bpf_map_get_next_key(bpf_map__fd(map), NULL, key) == 0)
		assert_int_equal(bpf_map_delete_elem(bpf_map__fd(map), key), 0);
}

static void array_empty(const struct bpf_map *map, void *memory)
{
	memset(memory, 0, mapped_size(map));
}

static void lab_empty(struct lab *lab)
{
	map_empty(lab->marker->maps.matches);
	map_empty(lab->marker->maps.networks);
	array_empty(lab->marker->maps.marks, lab->marks);
	array_empty(lab->marker->maps.filter, lab->filter);
	array_empty(lab->marker->maps.observed_traffic, lab->observed_traffic);
	memset(lab->common, 0, sizeof(*lab->common));
}

static void exact_insert(struct lab *lab, const struct lab_mark *mark, uint32_t slot)
{
	uint64_t entry;
	struct exact_key key = {
		.source_port = htons(mark->source_port),
		.destination_port = htons(mark->destination_port),
		.protocol = mark->protocol,
	};

	memcpy(key.source, mark->source, sizeof(key.source));
	memcpy(key.destination, mark->destination, sizeof(key.destination));
	entry = entry_tagged(&key, slot);
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(lab->marker->maps.matches), &key,
					     &entry, BPF_NOEXIST),
			 0);
}

static void prefix_insert(struct lab *lab, const struct lab_mark *mark, uint32_t slot)
{
	struct prefix_key key = {.length = mark->length};
	uint64_t value = (uint64_t)mark->length << ENTRY_LENGTH_SHIFT | slot;

	memcpy(key.destination, mark->destination, sizeof(key.destination));
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(lab->marker->maps.networks), &key,
					     &value, BPF_NOEXIST),
			 0);
}

/* Sets the bit of a kind for the first `length` bits of an address. */
static void filter_set(struct lab *lab, const uint8_t address[16], unsigned length,
		       uint32_t kind)
{
	uint8_t masked[16] = {0};
	uint64_t half[2];
	uint32_t bucket;

	for (unsigned bit = 0; bit < length; bit++)
		masked[bit / 8] |= address[bit / 8] & 0x80 >> bit % 8;
	memcpy(half, masked, sizeof(half));
	bucket = (uint32_t)(address_hash(half[0], half[1]) >> (64 - LAB_FILTER_BITS));
	lab->filter[bucket / FILTER_BUCKETS_PER_WORD] |=
		(uint64_t)kind << bucket % FILTER_BUCKETS_PER_WORD * FILTER_BITS;
}

static uint64_t shortest_prefix(const struct lab_mark marks[], size_t n)
{
	uint64_t shortest = 128;

	for (size_t i = 0; i < n; i++)
		if (marks[i].kind == FILTER_NETWORK && marks[i].length < shortest)
			shortest = marks[i].length;
	return shortest;
}

void lab_set_word(struct lab *lab, uint32_t slot, uint64_t word)
{
	for (uint32_t stripe = 0; stripe < COUNTER_STRIPES; stripe++)
		lab->marks[stripe * LAB_SLOTS + slot].word = word;
}

void lab_program(struct lab *lab, const struct lab_mark marks[], size_t n)
{
	uint64_t shortest = shortest_prefix(marks, n);

	assert_true(n < LAB_SLOTS);
	lab_empty(lab);
	lab->common->shortest_prefix = shortest;
	for (uint32_t i = 0; i < n; i++) {
		const struct lab_mark *mark = &marks[i];
		bool is_network = mark->kind == FILTER_NETWORK;

		(is_network ? prefix_insert : exact_insert)(lab, mark, i + 1);
		filter_set(lab, mark->destination, is_network ? (unsigned)shortest : 128,
			   mark->kind);
		lab_set_word(lab, i + 1, mark->word);
		lab->common->kinds |= mark->kind;
	}
}

struct outcome lab_try(int program, const struct frame *frame, const struct __sk_buff *ctx)
{
	struct outcome outcome = {.frame = *frame};
	LIBBPF_OPTS(bpf_test_run_opts, options, .repeat = 1, .data_in = frame->bytes,
		    .data_size_in = (uint32_t)frame->length, .data_out = outcome.frame.bytes,
		    .data_size_out = sizeof(outcome.frame.bytes), .ctx_in = ctx,
		    .ctx_size_in = ctx ? sizeof(*ctx) : 0);

	memset(outcome.frame.bytes, 0xEE, sizeof(outcome.frame.bytes));
	outcome.error = bpf_prog_test_run_opts(program, &options);
	outcome.verdict = (int)options.retval;
	outcome.frame.length = options.data_size_out;
	return outcome;
}

struct outcome lab_run(int program, const struct frame *frame, const struct __sk_buff *ctx)
{
	struct outcome outcome = lab_try(program, frame, ctx);

	assert_int_equal(outcome.error, 0);
	return outcome;
}

int lab_mark_l2(const struct lab *lab)
{
	return bpf_program__fd(lab->marker->progs.mark_l2);
}

int lab_mark_l3(const struct lab *lab)
{
	return bpf_program__fd(lab->marker->progs.mark_l3);
}

int lab_observe_l2(const struct lab *lab)
{
	return bpf_program__fd(lab->marker->progs.observe_l2);
}

int lab_observe_l3(const struct lab *lab)
{
	return bpf_program__fd(lab->marker->progs.observe_l3);
}

uint64_t lab_jiffies(struct lab *lab, uint64_t *boottime)
{
	struct frame frame = {.length = 64};

	lab_run(bpf_program__fd(lab->marker->progs.read_clock), &frame, NULL);
	*boottime = lab->marker->data_clock->clock_boottime;
	return lab->marker->data_clock->clock_jiffies;
}

static void traffic_add(struct traffic *sum, const struct traffic *traffic)
{
	sum->packets += traffic->packets;
	sum->bytes += traffic->bytes;
}

struct traffic lab_mark_count(const struct lab *lab, uint32_t slot)
{
	struct traffic sum = {0};

	for (uint32_t stripe = 0; stripe < COUNTER_STRIPES; stripe++)
		traffic_add(&sum, &lab->marks[stripe * LAB_SLOTS + slot].traffic);
	return sum;
}

struct traffic lab_sent(const struct lab *lab, uint32_t pair)
{
	struct traffic sum = {0};

	for (uint32_t stripe = 0; stripe < COUNTER_STRIPES; stripe++)
		traffic_add(&sum, &lab->common->stripes[stripe].sent[pair]);
	return sum;
}

struct traffic lab_observed(const struct lab *lab, uint32_t pair)
{
	struct traffic sum = {0};

	for (uint32_t stripe = 0; stripe < COUNTER_STRIPES; stripe++)
		traffic_add(&sum, &lab->observed_traffic[stripe * PAIRS + pair]);
	return sum;
}

struct interface_traffic lab_interface(const struct lab *lab, uint32_t ifindex)
{
	struct interface_traffic sum = {0};

	for (uint32_t stripe = 0; stripe < COUNTER_STRIPES; stripe++) {
		const struct interface_traffic *one =
			&lab->common->stripes[stripe].interfaces[ifindex];

		for (int verdict = 0; verdict < VERDICTS; verdict++)
			sum.packets[verdict] += one->packets[verdict];
		sum.marked_bytes += one->marked_bytes;
	}
	return sum;
}
