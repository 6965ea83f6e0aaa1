/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/shared.h"

#define BUCKETS_PER_MARK 16 /* 8 bytes a mark; one stranger in seventeen is let through */

/* A rebuild reads every slot, so it waits until an eighth of them is stale. The few that
 * remain after that go with time. */
#define STALE_DIVISOR 8
#define REBUILD_INTERVAL_NS (10 * 1000000000ull)

uint32_t filter_buckets(uint32_t marks)
{
	uint32_t buckets = FILTER_BUCKETS_PER_WORD;

	while (buckets / BUCKETS_PER_MARK < marks)
		buckets *= 2;
	return buckets;
}

uint32_t filter_shift(uint32_t buckets)
{
	return 64 - (uint32_t)__builtin_ctz(buckets);
}

int filter_init(struct filter *filter, uint64_t *words, uint32_t buckets, struct common *common,
		uint32_t slots, uint32_t networks)
{
	struct filter new = {
		.words = words,
		.common = common,
		.buckets = buckets,
		.shift = filter_shift(buckets),
		.slots = slots,
		.kinds = calloc(slots, sizeof(*new.kinds)),
		.places = calloc(slots, sizeof(*new.places)),
		.networks = calloc(networks, sizeof(*new.networks)),
	};

	if (!new.kinds || !new.places || !new.networks) {
		filter_done(&new);
		return -ENOMEM;
	}
	*filter = new;
	return 0;
}

void filter_done(struct filter *filter)
{
	free(filter->kinds);
	free(filter->places);
	free(filter->networks);
	*filter = (struct filter){0};
}

/* The upper half will do. */
static uint32_t hash_of(const uint8_t address[16])
{
	uint64_t halves[2];

	memcpy(halves, address, sizeof(halves));
	return address_hash(halves[0], halves[1]) >> 32;
}

static uint32_t bucket_of(const struct filter *filter, uint32_t hash)
{
	return (uint64_t)hash << 32 >> filter->shift;
}

static uint32_t network_hash(const struct filter_network *network, uint32_t length)
{
	uint8_t masked[16] = {0};

	memcpy(masked, network->destination, length / 8);
	if (length % 8)
		masked[length / 8] = network->destination[length / 8] & 0xFF00 >> length % 8;
	return hash_of(masked);
}

/* Returns whether it was clear. */
static bool bit_set(const struct filter *filter, uint64_t *words, uint32_t hash, uint32_t kind)
{
	uint32_t bucket = bucket_of(filter, hash);
	uint64_t *word = &words[bucket / FILTER_BUCKETS_PER_WORD];
	uint64_t bit = (uint64_t)kind << bucket % FILTER_BUCKETS_PER_WORD * FILTER_BITS;
	uint64_t old = shared_load(word);

	if (old & bit)
		return false;
	shared_store(word, old | bit);
	return true;
}

static void networks_set(const struct filter *filter, uint64_t *words, uint32_t length)
{
	for (uint32_t i = 0; i < filter->network_count; i++)
		bit_set(filter, words, network_hash(&filter->networks[i], length),
			FILTER_NETWORK);
}

/* The bits for the new length are there before the program hears of it; those for the old
 * one stay until packets that still go by it are through. */
static void shortest_change(struct filter *filter, uint32_t length, uint64_t now)
{
	networks_set(filter, filter->words, length);
	shared_store(&filter->common->shortest_prefix, length);
	filter->shortest = length;
	filter->prefix_time = now;
	filter->stale += filter->network_count;
}

/* Returns the new entry, of which no packet knows yet. */
static const struct filter_network *network_record(struct filter *filter,
						   const struct match *match, uint32_t slot)
{
	struct filter_network *network = &filter->networks[filter->network_count];

	*network = (struct filter_network){.slot = slot, .length = match->prefix_length};
	memcpy(network->destination, match->destination, sizeof(network->destination));
	filter->places[slot] = filter->network_count++;
	filter->by_length[network->length]++;
	return network;
}

static void network_add(struct filter *filter, const struct match *match, uint32_t slot,
			uint64_t now)
{
	const struct filter_network *network = network_record(filter, match, slot);

	if (filter->network_count == 1 || network->length < filter->shortest)
		shortest_change(filter, network->length, now);
	else
		bit_set(filter, filter->words, network_hash(network, filter->shortest),
			FILTER_NETWORK);
}

/* The last one fills the gap. */
static void network_remove(struct filter *filter, uint32_t slot)
{
	uint32_t place = filter->places[slot];
	struct filter_network *last = &filter->networks[--filter->network_count];

	filter->by_length[filter->networks[place].length]--;
	filter->networks[place] = *last;
	filter->places[last->slot] = place;
}

static uint64_t kinds_in_use(const struct filter *filter)
{
	uint64_t kinds = 0;

	for (unsigned i = 0; i < FILTER_BITS; i++)
		kinds |= (uint64_t)(filter->by_kind[i] > 0) << i;
	return kinds;
}

static void kinds_share(const struct filter *filter)
{
	shared_store(&filter->common->kinds, kinds_in_use(filter));
}

static uint32_t kind_bit(const struct match *match)
{
	return 1u << (match->kind - MARK_FLOW);
}

void filter_add(struct filter *filter, const struct match *match, uint32_t slot, uint64_t now)
{
	uint32_t kind = kind_bit(match);

	filter->kinds[slot] = (uint8_t)kind;
	if (kind == FILTER_NETWORK) {
		network_add(filter, match, slot, now);
	} else {
		filter->places[slot] = hash_of(match->destination);
		bit_set(filter, filter->words, filter->places[slot], kind);
	}
	filter->by_kind[match->kind - MARK_FLOW]++;
	kinds_share(filter);
}

void filter_prefetch(const struct filter *filter, const struct match *match)
{
	const uint32_t bucket = bucket_of(filter, hash_of(match->destination));

	if (match->kind != MARK_NETWORK)
		__builtin_prefetch(&filter->words[bucket / FILTER_BUCKETS_PER_WORD], 1);
}

void filter_remove(struct filter *filter, uint32_t slot)
{
	uint32_t kind = filter->kinds[slot];

	if (kind == FILTER_NETWORK)
		network_remove(filter, slot);
	filter->kinds[slot] = 0;
	filter->by_kind[__builtin_ctz(kind)]--;
	filter->stale++;
	kinds_share(filter);
}

static uint32_t shortest_live(const struct filter *filter)
{
	uint32_t length = 0;

	while (length < 128 && !filter->by_length[length])
		length++;
	return length;
}

/* Works out what should be set before it touches a word: a live bit is never clear. */
static void rebuild(struct filter *filter, uint64_t now)
{
	size_t n = filter->buckets / FILTER_BUCKETS_PER_WORD;
	uint64_t *words = calloc(n, sizeof(*words));

	if (!words)
		return; /* stale bits are no harm; another time */
	networks_set(filter, words, filter->shortest);
	for (uint32_t slot = 0; slot < filter->slots; slot++)
		if (filter->kinds[slot] && filter->kinds[slot] != FILTER_NETWORK)
			bit_set(filter, words, filter->places[slot], filter->kinds[slot]);
	for (size_t i = 0; i < n; i++)
		if (shared_load(&filter->words[i]) != words[i])
			shared_store(&filter->words[i], words[i]);
	free(words);
	filter->stale = 0;
	filter->rebuild_time = now;
}

static bool rebuild_is_due(const struct filter *filter, uint64_t now)
{
	if (!filter->stale || now - filter->prefix_time < SHARED_GRACE_NS)
		return false;
	return filter->stale >= filter->slots / STALE_DIVISOR ||
	       now - filter->rebuild_time >= REBUILD_INTERVAL_NS;
}

void filter_tidy(struct filter *filter, uint64_t now)
{
	uint32_t length = shortest_live(filter);

	if (filter->network_count && length > filter->shortest)
		shortest_change(filter, length, now);
	if (rebuild_is_due(filter, now))
		rebuild(filter, now);
}

void filter_adopt(struct filter *filter, const struct match *match, uint32_t slot)
{
	filter->kinds[slot] = (uint8_t)kind_bit(match);
	if (match->kind == MARK_NETWORK)
		network_record(filter, match, slot);
	else
		filter->places[slot] = hash_of(match->destination);
	filter->by_kind[match->kind - MARK_FLOW]++;
}

/* The shortest prefix that packets go by stays if the bits for it can do. Which bits are set
 * in vain nobody knows: a rebuild is due. */
void filter_resume(struct filter *filter, uint64_t now)
{
	uint64_t shortest = shared_load(&filter->common->shortest_prefix);

	filter->shortest = shortest_live(filter);
	if (shortest < filter->shortest)
		filter->shortest = (uint32_t)shortest;
	for (uint32_t slot = 0; slot < filter->slots; slot++)
		if (filter->kinds[slot])
			filter_repair(filter, slot);
	filter_repair_common(filter);
	filter->prefix_time = now;
	filter->stale = filter->slots;
}

bool filter_has(const struct filter *filter, const struct match *match, uint32_t slot)
{
	const struct filter_network *network;

	if (!slot || slot >= filter->slots || filter->kinds[slot] != kind_bit(match))
		return false;
	if (match->kind != MARK_NETWORK)
		return filter->places[slot] == hash_of(match->destination);
	network = &filter->networks[filter->places[slot]];
	return network->length == match->prefix_length &&
	       !memcmp(network->destination, match->destination, sizeof(match->destination));
}

unsigned filter_repair(const struct filter *filter, uint32_t slot)
{
	uint32_t hash = filter->places[slot];

	if (filter->kinds[slot] == FILTER_NETWORK)
		hash = network_hash(&filter->networks[filter->places[slot]], filter->shortest);
	return bit_set(filter, filter->words, hash, filter->kinds[slot]);
}

/* The length goes first: it is asked only where there are networks. */
unsigned filter_repair_common(const struct filter *filter)
{
	unsigned repairs = 0;

	if (filter->network_count)
		repairs = shared_repair(&filter->common->shortest_prefix, filter->shortest);
	return repairs + shared_repair(&filter->common->kinds, kinds_in_use(filter));
}
