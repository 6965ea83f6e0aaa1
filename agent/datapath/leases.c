/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/leases.h"

#include <errno.h>
#include <stdlib.h>

#include "bpf/abi.h"
#include "datapath/datapath.h"
#include "datapath/shared.h"
#include "datapath/state.h"

/* Set by an earlier agent, in jiffies; nobody here knows the deadline. */
#define LEFT INT64_MIN

int leases_init(struct leases *leases, uint64_t *words, uint32_t count)
{
	*leases = (struct leases){.words = words, .count = count};
	leases->deadlines = malloc(count * sizeof(*leases->deadlines));
	if (!leases->deadlines)
		return -ENOMEM;
	leases->deadlines[0] = LEASES_NO_DEADLINE;
	shared_store(&words[0], LEASE_NEVER);
	for (uint32_t i = 1; i < count; i++)
		leases->deadlines[i] = LEFT;
	return slots_init(&leases->slots, count);
}

void leases_done(struct leases *leases)
{
	slots_done(&leases->slots);
	free(leases->deadlines);
	*leases = (struct leases){0};
}

uint32_t leases_take(struct leases *leases, uint64_t now)
{
	uint32_t index = slots_take_waiting(&leases->slots, now);

	if (!index)
		return 0;
	leases->deadlines[index] = LEASES_NO_DEADLINE;
	shared_store(&leases->words[index], LEASE_NEVER);
	return index;
}

/* Packets under way may still ask for it, so the word stays until it is taken again. */
void leases_put(struct leases *leases, uint32_t index, uint64_t now)
{
	leases->deadlines[index] = LEFT;
	slots_put(&leases->slots, index, now);
}

static uint64_t word_of(const struct leases *leases, uint32_t index, const struct clock *clock)
{
	int64_t deadline = leases->deadlines[index];

	return deadline == LEASES_NO_DEADLINE ? LEASE_NEVER : clock_jiffies(clock, deadline);
}

void leases_set(struct leases *leases, uint32_t index, int64_t deadline,
		const struct clock *clock)
{
	leases->deadlines[index] = deadline;
	shared_store(&leases->words[index], word_of(leases, index, clock));
}

unsigned leases_repair(const struct leases *leases, uint32_t index, const struct clock *clock)
{
	uint64_t word;

	if (index >= leases->count || leases->deadlines[index] == LEFT)
		return 0;
	word = word_of(leases, index, clock);
	if (shared_load(&leases->words[index]) == word)
		return 0;
	shared_store(&leases->words[index], word);
	return 1;
}

void leases_align(const struct leases *leases, const struct clock *clock)
{
	for (uint32_t i = 0; i < leases->count; i++)
		leases_repair(leases, i, clock);
}

int datapath_lease_take(struct datapath *datapath, uint32_t *ret_index)
{
	uint32_t index = leases_take(&datapath->leases, shared_now());

	if (!index)
		return -ENOSPC;
	*ret_index = index;
	return 0;
}

void datapath_lease_put(struct datapath *datapath, uint32_t index)
{
	leases_put(&datapath->leases, index, shared_now());
}

/* If the clock cannot be aligned now, the next datapath_clock_sync() says so and mends it. */
void datapath_lease_set(struct datapath *datapath, uint32_t index, int64_t deadline)
{
	if (clock_has_slept(&datapath->clock))
		(void)datapath_clock_sync(datapath);
	leases_set(&datapath->leases, index, deadline, &datapath->clock);
}

int datapath_clock_sync(struct datapath *datapath)
{
	int changed = clock_sync(&datapath->clock);

	if (changed < 0)
		return changed;
	if (changed)
		leases_align(&datapath->leases, &datapath->clock);
	return 0;
}
