/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/stack.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

/* What is known of a device, and of those above and below it. */
enum {
	ORDERED = 1, /* by its very name */
	MATCHED = 2, /* by a pattern */
	OVER_ORDERED = 4, /* somewhere below it one is ordered */
	UNDER_ORDERED = 8, /* somewhere above it */
	OVER_CHOSEN = 16,
};

struct stack {
	const struct stack_device *devices;
	size_t n;
	uint8_t *known; /* of each device */
};

bool stack_is_pattern(const char *name)
{
	return strpbrk(name, "*?[") != NULL;
}

static uint8_t named_by(const struct stack_names *names, const char *name)
{
	uint8_t known = 0;

	for (size_t i = 0; i < names->n; i++)
		if (!stack_is_pattern(names->items[i]))
			known |= strcmp(names->items[i], name) == 0 ? ORDERED : 0;
		else
			known |= fnmatch(names->items[i], name, 0) == 0 ? MATCHED : 0;
	return known;
}

static int compare(const void *a, const void *b)
{
	uint32_t left = ((const struct stack_device *)a)->device.ifindex;
	uint32_t right = ((const struct stack_device *)b)->device.ifindex;

	return (left > right) - (left < right);
}

/* What is known of the device with this number; NULL: there is none. */
static uint8_t *known_of(const struct stack *stack, uint32_t ifindex)
{
	const struct stack_device key = {.device.ifindex = ifindex};
	const struct stack_device *found;

	if (!ifindex)
		return NULL;
	found = bsearch(&key, stack->devices, stack->n, sizeof(key), compare);
	return found ? &stack->known[found - stack->devices] : NULL;
}

/* If `from` has any of `when`, `to` gets `then`. Was that news? */
static bool learn(const uint8_t *from, uint8_t when, uint8_t *to, uint8_t then)
{
	if (!(*from & when) || (*to & then))
		return false;
	*to |= then;
	return true;
}

/* One step from every device to those next to it. */
static bool spread_once(const struct stack *stack, uint8_t when, uint8_t up, uint8_t down)
{
	bool news = false;

	for (size_t i = 0; i < stack->n; i++) {
		uint8_t *self = &stack->known[i];
		uint8_t *above = known_of(stack, stack->devices[i].master);
		uint8_t *below = known_of(stack, stack->devices[i].lower);

		if (above) {
			news |= learn(self, when | up, above, up);
			news |= down && learn(above, when | down, self, down);
		}
		if (below) {
			news |= learn(below, when | up, self, up);
			news |= down && learn(self, when | down, below, down);
		}
	}
	return news;
}

/* Tells everything above a device with `when` so with `up`, everything below with `down`. Ends,
 * as bits are only ever added. */
static void spread(const struct stack *stack, uint8_t when, uint8_t up, uint8_t down)
{
	while (spread_once(stack, when, up, down))
		;
}

/* Patterns give way to orders first; what is left of them gives way to what is below. */
static void decide(const struct stack *stack, enum stack_choice ret[])
{
	spread(stack, ORDERED, OVER_ORDERED, UNDER_ORDERED);
	for (size_t i = 0; i < stack->n; i++) {
		uint8_t known = stack->known[i];

		ret[i] = STACK_UNWANTED;
		if (known & ORDERED)
			ret[i] = STACK_CHOSEN;
		else if (known & MATCHED)
			ret[i] = known & (OVER_ORDERED | UNDER_ORDERED) ? STACK_YIELDS
									: STACK_CHOSEN;
		stack->known[i] = ret[i] == STACK_CHOSEN ? known | MATCHED : known & ~MATCHED;
	}
	spread(stack, MATCHED, OVER_CHOSEN, 0);
	for (size_t i = 0; i < stack->n; i++)
		if (ret[i] == STACK_CHOSEN && !(stack->known[i] & ORDERED) &&
		    (stack->known[i] & OVER_CHOSEN))
			ret[i] = STACK_YIELDS;
}

int stack_choose(const struct stack_device devices[], size_t n, const struct stack_names *names,
		 enum stack_choice ret[])
{
	cleanup(free_bytes) uint8_t *known = calloc(n + 1, sizeof(*known));
	const struct stack stack = {.devices = devices, .n = n, .known = known};

	if (!known)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		known[i] = named_by(names, devices[i].device.name);
	decide(&stack, ret);
	return 0;
}
