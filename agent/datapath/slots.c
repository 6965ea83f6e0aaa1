/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/slots.h"

#include <errno.h>
#include <stdlib.h>

#include "datapath/shared.h"

/* ---- sets ---- */

enum { BITS = 64 };

static size_t words_for(size_t bits)
{
	return (bits + BITS - 1) / BITS;
}

static int set_init(struct slots_set *set, uint32_t count)
{
	const size_t n = words_for(count);

	*set = (struct slots_set){.words = calloc(n, sizeof(*set->words)),
				  .filled = calloc(words_for(n), sizeof(*set->filled)),
				  .first = (uint32_t)words_for(n)};
	return set->words && set->filled ? 0 : -ENOMEM;
}

static void set_done(struct slots_set *set)
{
	free(set->words);
	free(set->filled);
}

static void fill(struct slots_set *set, size_t word, uint64_t bits)
{
	const uint32_t above = (uint32_t)(word / BITS);

	set->words[word] |= bits;
	set->filled[above] |= UINT64_C(1) << word % BITS;
	if (above < set->first)
		set->first = above;
}

static void set_add(struct slots_set *set, uint32_t slot)
{
	fill(set, slot / BITS, UINT64_C(1) << slot % BITS);
	set->n++;
}

/* The first word that is not 0; the set must not be empty. */
static size_t first_word(struct slots_set *set)
{
	while (!set->filled[set->first])
		set->first++;
	return (size_t)set->first * BITS + (size_t)__builtin_ctzll(set->filled[set->first]);
}

static void empty_word(struct slots_set *set, size_t word)
{
	set->words[word] = 0;
	set->filled[word / BITS] &= ~(UINT64_C(1) << word % BITS);
}

/* The lowest; 0: there is none. */
static uint32_t set_take(struct slots_set *set)
{
	size_t word;
	int bit;

	if (!set->n)
		return 0;
	word = first_word(set);
	bit = __builtin_ctzll(set->words[word]);
	if (set->words[word] == UINT64_C(1) << bit)
		empty_word(set, word);
	else
		set->words[word] &= ~(UINT64_C(1) << bit);
	set->n--;
	return (uint32_t)(word * BITS) + (uint32_t)bit;
}

/* All of one set go into another, which shares none of them. */
static void set_move(struct slots_set *to, struct slots_set *from)
{
	uint32_t n = from->n;

	to->n += n;
	for (size_t word; n > 0; empty_word(from, word)) {
		word = first_word(from);
		n -= (uint32_t)__builtin_popcountll(from->words[word]);
		fill(to, word, from->words[word]);
	}
	from->n = 0;
}

/* ---- slots ---- */

int slots_init(struct slots *slots, uint32_t count)
{
	struct slots new = {.count = count};

	if (set_init(&new.idle, count) < 0 || set_init(&new.young, count) < 0 ||
	    set_init(&new.old, count) < 0) {
		slots_done(&new);
		return -ENOMEM;
	}
	for (uint32_t slot = 1; slot < count; slot++)
		set_add(&new.idle, slot);
	*slots = new;
	return 0;
}

void slots_done(struct slots *slots)
{
	set_done(&slots->idle);
	set_done(&slots->young);
	set_done(&slots->old);
	*slots = (struct slots){0};
}

/* Two sets do for a queue with times: the old one stays closed until its newest member
 * has rested, so nobody rests longer than twice the grace while slots keep coming. */
static void end_rests(struct slots *slots, uint64_t now)
{
	for (int i = 0; i < 2; i++) {
		const struct slots_set emptied = slots->old;

		if (emptied.n && now - emptied.newest < SHARED_GRACE_NS)
			return;
		set_move(&slots->idle, &slots->old);
		slots->old = slots->young;
		slots->young = emptied;
		slots->young.n = 0;
	}
}

uint32_t slots_take(struct slots *slots, uint64_t now)
{
	end_rests(slots, now);
	return set_take(&slots->idle);
}

void slots_put(struct slots *slots, uint32_t slot, uint64_t now)
{
	set_add(&slots->young, slot);
	slots->young.newest = now;
}

void slots_untake(struct slots *slots, uint32_t slot)
{
	set_add(&slots->idle, slot);
}

void slots_wake(struct slots *slots)
{
	set_move(&slots->idle, &slots->old);
	set_move(&slots->idle, &slots->young);
}

uint32_t slots_take_waiting(struct slots *slots, uint64_t now)
{
	uint32_t slot = slots_take(slots, now);

	if (slot || (!slots->old.n && !slots->young.n))
		return slot;
	shared_wait();
	slots_wake(slots);
	return slots_take(slots, now);
}

void slots_adopt(struct slots *slots, const uint8_t in_use[], uint64_t now)
{
	while (set_take(&slots->idle))
		;
	for (uint32_t slot = 1; slot < slots->count; slot++)
		if (!in_use[slot])
			slots_put(slots, slot, now);
}
