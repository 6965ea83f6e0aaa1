/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>

#include <cmocka.h>

#include "datapath/filter.h"
#include "datapath/shared.h"

#define SLOTS 600
#define NETWORKS 200
#define BUCKETS 4096
#define WORDS (BUCKETS / FILTER_BUCKETS_PER_WORD)
#define SECOND SHARED_GRACE_NS
#define LONG (60 * SECOND) /* longer than any stale bit is kept */

static uint64_t words[WORDS];
static struct common common;
static struct filter filter;

static int make_filter(void **state)
{
	(void)state;
	memset(words, 0, sizeof(words));
	memset(&common, 0, sizeof(common));
	srandom(1);
	return filter_init(&filter, words, BUCKETS, &common, SLOTS, NETWORKS);
}

static int drop_filter(void **state)
{
	(void)state;
	filter_done(&filter);
	return 0;
}

static void mask(uint8_t address[16], uint32_t length)
{
	for (uint32_t bit = length; bit < 128; bit++)
		address[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
}

static struct match match_of(enum mark_kind kind, uint32_t number, uint8_t length)
{
	struct match match = {
		.destination = {0x20, 0x01, 0x0d, 0xb8},
		.kind = (uint8_t)kind,
		.prefix_length = kind == MARK_NETWORK ? length : 128,
	};

	number *= 2654435761u; /* so that every byte differs */
	memcpy(match.destination + 4, &number, sizeof(number));
	memcpy(match.destination + 12, &number, sizeof(number));
	mask(match.destination, match.prefix_length);
	return match;
}

/* What the program asks: may a mark of this kind have this destination? */
static bool allows_at(const struct match *match, uint32_t shortest)
{
	uint32_t kind = 1u << (match->kind - MARK_FLOW), bucket;
	uint8_t address[16];
	uint64_t halves[2], word;

	if (!(shared_load(&common.kinds) & kind))
		return false;
	memcpy(address, match->destination, sizeof(address));
	if (kind == FILTER_NETWORK)
		mask(address, shortest);
	memcpy(halves, address, sizeof(halves));
	bucket = (uint32_t)(address_hash(halves[0], halves[1]) >> filter_shift(BUCKETS));
	word = shared_load(&words[bucket / FILTER_BUCKETS_PER_WORD]);
	return word >> bucket % FILTER_BUCKETS_PER_WORD * FILTER_BITS & kind;
}

static bool allows(const struct match *match)
{
	return allows_at(match, (uint32_t)shared_load(&common.shortest_prefix));
}

static uint32_t bits_set(void)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < WORDS; i++)
		count += (uint32_t)__builtin_popcountll(words[i]);
	return count;
}

static void buckets_are_a_power_of_two_and_sixteen_a_mark(void **state)
{
	(void)state;
	assert_int_equal(filter_buckets(4), 64);
	assert_int_equal(filter_buckets(5), 128);
	assert_int_equal(filter_buckets(262144), 1 << 22);
	assert_int_equal(filter_buckets(262145), 1 << 23);
}

/* Whichever octets the addresses differ in, few share a bucket: 256 balls in 4096 bins. */
static void every_octet_counts(void **state)
{
	(void)state;
	for (int octet = 0; octet < 16; octet++) {
		bool hit[BUCKETS] = {0};
		int buckets = 0;

		for (int value = 0; value < 256; value++) {
			uint8_t address[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
			uint64_t halves[2];
			uint32_t bucket;

			address[octet] = (uint8_t)value;
			memcpy(halves, address, sizeof(halves));
			bucket = (uint32_t)(address_hash(halves[0], halves[1]) >>
					    filter_shift(BUCKETS));
			buckets += !hit[bucket];
			hit[bucket] = true;
		}
		assert_in_range(buckets, 220, 256);
	}
}

static void each_kind_allows_itself_alone(void **state)
{
	(void)state;
	for (int kind = MARK_FLOW; kind <= MARK_NETWORK; kind++) {
		struct match match = match_of(kind, 77, 64);

		assert_false(allows(&match));
		filter_add(&filter, &match, 1, 0);
		assert_int_equal(common.kinds, 1 << (kind - MARK_FLOW));
		assert_true(allows(&match));
		assert_int_equal(bits_set(), 1);
		filter_remove(&filter, 1);
		assert_int_equal(common.kinds, 0);
		filter_tidy(&filter, kind * LONG);
		assert_int_equal(bits_set(), 0);
	}
}

static void a_shared_bucket_lasts_as_long_as_its_last_mark(void **state)
{
	struct match match = match_of(MARK_FLOW, 1, 0);

	(void)state;
	filter_add(&filter, &match, 1, 0);
	filter_add(&filter, &match, 2, 0);
	filter_remove(&filter, 1);
	filter_tidy(&filter, LONG);
	assert_true(allows(&match));
	filter_remove(&filter, 2);
	filter_tidy(&filter, 2 * LONG);
	assert_int_equal(bits_set(), 0);
}

static void the_shortest_prefix_follows_the_networks(void **state)
{
	struct match longer = match_of(MARK_NETWORK, 1, 64),
		     shorter = match_of(MARK_NETWORK, 2, 48),
		     all = match_of(MARK_NETWORK, 0, 0);

	(void)state;
	filter_add(&filter, &longer, 1, 0);
	assert_int_equal(common.shortest_prefix, 64);
	filter_add(&filter, &shorter, 2, 0);
	assert_int_equal(common.shortest_prefix, 48);
	filter_add(&filter, &all, 3, 0);
	assert_int_equal(common.shortest_prefix, 0);
	assert_true(allows(&longer) && allows(&shorter) && allows(&all));
	filter_remove(&filter, 3);
	filter_remove(&filter, 2);
	assert_true(allows(&longer));
	filter_tidy(&filter, SECOND);
	assert_int_equal(common.shortest_prefix, 64);
	assert_true(allows(&longer));
}

/* A packet that read the old length must find its network until it is through. */
static void old_prefix_bits_outlast_packets_under_way(void **state)
{
	struct match longer = match_of(MARK_NETWORK, 1, 64),
		     shorter = match_of(MARK_NETWORK, 2, 48);

	(void)state;
	filter_add(&filter, &longer, 1, LONG);
	filter_add(&filter, &shorter, 2, 2 * LONG);
	filter_tidy(&filter, 2 * LONG + SECOND - 1);
	assert_true(allows_at(&longer, 64));
	filter_tidy(&filter, 2 * LONG + SECOND);
	assert_false(allows_at(&longer, 64));
	assert_true(allows(&longer) && allows(&shorter));

	filter_remove(&filter, 2);
	filter_tidy(&filter, 4 * LONG);
	assert_true(allows_at(&longer, 48) && allows_at(&longer, 64));
	filter_tidy(&filter, 4 * LONG + SECOND - 1);
	assert_true(allows_at(&longer, 48));
	filter_tidy(&filter, 5 * LONG);
	assert_false(allows_at(&longer, 48));
	assert_true(allows_at(&longer, 64));
}

/* The model of random_use(): what is live, and which shortest prefixes may still be in hand. */
static struct {
	struct match match;
	bool live;
	int since; /* step */
} model[SLOTS];

static struct {
	uint64_t shortest, until;
	int step; /* when it was replaced */
} gone[16];

static void note_shortest(uint64_t before, int step, uint64_t now)
{
	if (common.shortest_prefix == before)
		return;
	memmove(gone + 1, gone, sizeof(gone) - sizeof(gone[0]));
	gone[0].shortest = before;
	gone[0].until = now + SECOND;
	gone[0].step = step;
}

static void check_live(uint64_t now)
{
	for (int slot = 1; slot < SLOTS; slot++) {
		if (!model[slot].live)
			continue;
		assert_true(allows(&model[slot].match));
		if (model[slot].match.kind != MARK_NETWORK)
			continue;
		for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
			if (now < gone[i].until && model[slot].since < gone[i].step)
				assert_true(allows_at(&model[slot].match,
						      (uint32_t)gone[i].shortest));
	}
}

static void change_one(int step, uint64_t now)
{
	int slot = 1 + (int)(random() % (SLOTS - 1));
	uint64_t before = common.shortest_prefix;

	if (model[slot].live) {
		filter_remove(&filter, (uint32_t)slot);
		model[slot].live = false;
		return;
	}
	/* One slot in three is a network's: never more than NETWORKS. Short ones are rare. */
	model[slot].match = match_of(
		slot % 3 ? MARK_FLOW + slot % 2 : MARK_NETWORK, (uint32_t)random() % 1000,
		(uint8_t)(random() % 50 ? 32 + random() % 97 : random() % 32));
	model[slot].live = true;
	model[slot].since = step;
	filter_add(&filter, &model[slot].match, (uint32_t)slot, now);
	note_shortest(before, step, now);
}

static void random_use(void **state)
{
	uint64_t now = LONG;
	uint32_t live = 0;

	(void)state;
	memset(model, 0, sizeof(model));
	memset(gone, 0, sizeof(gone));
	for (int step = 1; step < 10000; step++) {
		uint64_t before;

		change_one(step, now);
		before = common.shortest_prefix;
		filter_tidy(&filter, now);
		note_shortest(before, step, now);
		check_live(now);
		now += (uint64_t)random() % (step % 1000 < 900 ? SECOND / 10 : 2 * SECOND);
	}
	filter_tidy(&filter, now + LONG);
	filter_tidy(&filter, now + 2 * LONG);
	check_live(now + 2 * LONG);
	for (int slot = 1; slot < SLOTS; slot++)
		live += model[slot].live;
	assert_in_range(bits_set(), 1, live);
	for (int slot = 1; slot < SLOTS; slot++)
		if (model[slot].live)
			filter_remove(&filter, (uint32_t)slot);
	filter_tidy(&filter, now + 3 * LONG);
	assert_int_equal(bits_set(), 0);
	assert_int_equal(common.kinds, 0);
}

static const struct match *watched;
static bool watching;

/* Returns how often the watched mark was denied. */
static void *watch(void *user)
{
	unsigned long *denied = user;

	while (__atomic_load_n(&watching, __ATOMIC_RELAXED))
		*denied += !allows(watched);
	return NULL;
}

static void a_rebuild_never_hides_a_live_mark(void **state)
{
	struct match live = match_of(MARK_HOST, 1, 0);
	unsigned long denied = 0;
	pthread_t watcher;

	(void)state;
	filter_add(&filter, &live, 1, 0);
	watched = &live;
	watching = true;
	assert_int_equal(pthread_create(&watcher, NULL, watch, &denied), 0);
	for (uint32_t i = 1; i <= 20000; i++) {
		struct match other = match_of(MARK_FLOW + i % 2, i, 0);

		filter_add(&filter, &other, 2, 0);
		filter_remove(&filter, 2);
		filter_tidy(&filter, i * LONG);
	}
	__atomic_store_n(&watching, false, __ATOMIC_RELAXED);
	pthread_join(watcher, NULL);
	assert_int_equal(bits_set(), 1);
	assert_int_equal(denied, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_filter, drop_filter)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buckets_are_a_power_of_two_and_sixteen_a_mark),
		cmocka_unit_test(every_octet_counts),
		TEST(each_kind_allows_itself_alone),
		TEST(a_shared_bucket_lasts_as_long_as_its_last_mark),
		TEST(the_shortest_prefix_follows_the_networks),
		TEST(old_prefix_bits_outlast_packets_under_way),
		TEST(random_use),
		TEST(a_rebuild_never_hides_a_live_mark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
