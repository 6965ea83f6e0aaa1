/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/slots.h"

#include <errno.h>
#include <stdlib.h>

#include "datapath/shared.h"

int slots_init(struct slots *slots, uint32_t count)
{
	uint32_t *next = malloc(count * sizeof(*next));

	if (!next)
		return -ENOMEM;
	*slots = (struct slots){.next = next, .count = count, .fresh = 1};
	return 0;
}

void slots_done(struct slots *slots)
{
	free(slots->next);
	*slots = (struct slots){0};
}

static void chain_append(struct slots *slots, struct slots_chain *chain, uint32_t slot)
{
	slots->next[slot] = 0;
	if (chain->first)
		slots->next[chain->last] = slot;
	else
		chain->first = slot;
	chain->last = slot;
}

/* Puts all of a chain before the idle ones. */
static void chain_to_idle(struct slots *slots, struct slots_chain *chain)
{
	if (!chain->first)
		return;
	slots->next[chain->last] = slots->idle;
	slots->idle = chain->first;
	*chain = (struct slots_chain){0};
}

/* Two chains do for a queue with times: the old one stays closed until its newest member
 * has rested, so nobody rests longer than twice the grace while slots keep coming. */
static void end_rests(struct slots *slots, uint64_t now)
{
	for (int i = 0; i < 2; i++) {
		if (slots->old.first && now - slots->old.newest < SHARED_GRACE_NS)
			return;
		chain_to_idle(slots, &slots->old);
		slots->old = slots->young;
		slots->young = (struct slots_chain){0};
	}
}

uint32_t slots_take(struct slots *slots, uint64_t now)
{
	uint32_t slot;

	end_rests(slots, now);
	if (!slots->idle)
		return slots->fresh < slots->count ? slots->fresh++ : 0;
	slot = slots->idle;
	slots->idle = slots->next[slot];
	__builtin_prefetch(&slots->next[slots->idle]); /* for the next one */
	return slot;
}

void slots_put(struct slots *slots, uint32_t slot, uint64_t now)
{
	chain_append(slots, &slots->young, slot);
	slots->young.newest = now;
}

void slots_untake(struct slots *slots, uint32_t slot)
{
	slots->next[slot] = slots->idle;
	slots->idle = slot;
}

void slots_wake(struct slots *slots)
{
	chain_to_idle(slots, &slots->old);
	chain_to_idle(slots, &slots->young);
}

uint32_t slots_take_waiting(struct slots *slots, uint64_t now)
{
	uint32_t slot = slots_take(slots, now);

	if (slot || (!slots->old.first && !slots->young.first))
		return slot;
	shared_wait();
	slots_wake(slots);
	return slots_take(slots, now);
}

void slots_adopt(struct slots *slots, const uint8_t in_use[], uint64_t now)
{
	for (uint32_t slot = 1; slot < slots->count; slot++)
		if (!in_use[slot])
			slots_put(slots, slot, now);
	slots->fresh = slots->count;
}
