/* SPDX-License-Identifier: Apache-2.0 */
#include "core/match_table.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

enum { PLACES_MIN = 64, PLACES_KEPT = 32768 };

/* To empty a table costs its places: no more than so many for each item. */
enum { PLACES_PER_ITEM = 64 };

/* ---- hash ---- */

static uint64_t seed[2];
static pthread_once_t seed_once = PTHREAD_ONCE_INIT;

static void make_seed(void)
{
	/* Without random octets the addresses of this process have to do. */
	if (getrandom(seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
		seed[0] = seed[1] = (uint64_t)(uintptr_t)&seed ^ (uint64_t)(uintptr_t)&malloc;
	seed[0] |= 1;
}

/* Both halves of the product, so that every bit of the word counts. */
static uint64_t mix(uint64_t state, uint64_t word)
{
	unsigned __int128 product = (unsigned __int128)(state ^ word) * 0x9E3779B97F4A7C15;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint32_t match_hash(const struct match *match)
{
	uint64_t words[sizeof(*match) / sizeof(uint64_t)], state;

	pthread_once(&seed_once, make_seed);
	memcpy(words, match, sizeof(words));
	state = seed[0];
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		state = mix(state, words[i] + seed[1]);
	return (uint32_t)(state ^ state >> 32);
}

/* ---- life ---- */

void match_table_done(struct match_table *table)
{
	free(table->places);
	*table = (struct match_table){.n = 0};
}

void match_table_clear(struct match_table *table)
{
	if (table->n == 0)
		return;
	if (table->mask >= PLACES_KEPT || table->mask / PLACES_PER_ITEM > table->n)
		match_table_done(table);
	else
		memset(table->places, 0, (table->mask + 1) * sizeof(*table->places));
	table->n = 0;
}

/* ---- items ---- */

static void put(struct match_table *table, struct match_place new)
{
	size_t i = new.hash;

	while (table->places[i & table->mask].item)
		i++;
	table->places[i & table->mask] = new;
}

/* Zeroed. A large table is searched all over: with large pages less of the address translation
 * misses the cache. */
static struct match_place *make_places(size_t n)
{
	const size_t page = 2 << 20, size = n * sizeof(struct match_place);
	const size_t rounded = (size + page - 1) / page * page;
	void *places;

	if (size < 2 * page)
		return calloc(n, sizeof(struct match_place));
	places = aligned_alloc(page, rounded);
	if (!places)
		return NULL;
	(void)madvise(places, rounded, MADV_HUGEPAGE); /* or small ones, as before */
	return memset(places, 0, size);
}

static int grow(struct match_table *table)
{
	size_t n = table->places ? 2 * (table->mask + 1) : PLACES_MIN;
	struct match_table grown = {.places = make_places(n), .mask = n - 1, .n = table->n};

	if (!grown.places)
		return -ENOMEM;
	for (size_t i = 0; table->places && i <= table->mask; i++)
		if (table->places[i].item)
			put(&grown, table->places[i]);
	free(table->places);
	*table = grown;
	return 0;
}

int match_table_add(struct match_table *table, uint32_t hash, void *item)
{
	/* At most 4 of 5 are taken. */
	if (!table->places || table->n + 1 > (table->mask + 1) / 5 * 4) {
		int r = grow(table);

		if (r < 0)
			return r;
	}
	put(table, (struct match_place){.item = item, .hash = hash});
	table->n++;
	return 0;
}

/* Those behind it move up unless they are where they belong: a search ends at a free place. */
static void close_gap(struct match_table *table, size_t gap)
{
	const size_t mask = table->mask;

	for (size_t i = (gap + 1) & mask; table->places[i].item; i = (i + 1) & mask) {
		const size_t home = table->places[i].hash & mask;

		if (((i - home) & mask) < ((i - gap) & mask))
			continue;
		table->places[gap] = table->places[i];
		gap = i;
	}
	table->places[gap].item = NULL;
}

void match_table_remove(struct match_table *table, uint32_t hash, const void *item)
{
	size_t i = hash & table->mask;

	while (table->places[i].item != item)
		i = (i + 1) & table->mask;
	close_gap(table, i);
	table->n--;
}
