/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds things by their match: an open hash table of pointers with the hashes beside them, so
 * that a search touches one cache line, and the thing itself only if it is the right one.
 *
 * Not locked.
 */
#ifndef WAYMARK_MATCH_TABLE_H
#define WAYMARK_MATCH_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "core/mark.h"

/* 12 octets instead of 16: a table has up to two and a half places for each item. */
struct __attribute__((packed, aligned(4))) match_place {
	void *item; /* NULL: free */
	uint32_t hash;
};

/* All zero at first. */
struct match_table {
	struct match_place *places;
	size_t mask; /* number of places - 1, a power of two - 1; 0: none */
	size_t n;
};

void match_table_done(struct match_table *table);

/* Empties it. A table much larger than what it held gives its memory back, and so does an
 * uncommonly large one. */
void match_table_clear(struct match_table *table);

/* Nobody can choose matches that share one: it has a random seed in each process. */
uint32_t match_hash(const struct match *match);

/* The item must not be in the table. 0 or -ENOMEM. */
int match_table_add(struct match_table *table, uint32_t hash, void *item);

/* The item must be in the table. */
void match_table_remove(struct match_table *table, uint32_t hash, const void *item);

/* The next item with this hash; NULL: no more. *place is the hash at first. */
static inline void *match_table_next(const struct match_table *table, uint32_t hash,
				     size_t *place)
{
	if (!table->places)
		return NULL;
	for (;;) {
		const struct match_place *at = &table->places[(*place)++ & table->mask];

		if (!at->item || at->hash == hash)
			return at->item;
	}
}

/* Fetches, for a search some steps later, the place of this hash; then, once that has come, the
 * item there. */
static inline void match_table_prefetch(const struct match_table *table, uint32_t hash)
{
	if (table->places)
		__builtin_prefetch(&table->places[hash & table->mask]);
}

static inline void match_table_prefetch_item(const struct match_table *table, uint32_t hash)
{
	size_t place = hash;
	const char *item = (const char *)match_table_next(table, hash, &place);

	if (!item)
		return;
	__builtin_prefetch(item);
	__builtin_prefetch(item + 64);
}

/* All items, while none comes or goes: the one behind *place, which is 0 at first; NULL: no
 * more. */
static inline void *match_table_each(const struct match_table *table, size_t *place)
{
	while (table->places && *place <= table->mask) {
		void *item = table->places[(*place)++].item;

		if (item)
			return item;
	}
	return NULL;
}

#endif
