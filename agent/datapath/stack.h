/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which interfaces the programs hang on: pure decisions.
 *
 * A packet that leaves by a bond, bridge, VLAN or macvlan leaves by the device below it too. It
 * must count once, so of interfaces that stand on each other patterns choose the lowest ones:
 * there the packets of everything above pass. A name without *, ? or [ is an order: that
 * interface is chosen whatever stands above and below, and patterns choose none of those.
 */
#ifndef WAYMARK_STACK_H
#define WAYMARK_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datapath/device.h"

struct stack_device {
	struct device device;
	uint32_t master; /* bond, bridge or the like above it; 0: none */
	uint32_t lower; /* the device by which its packets leave as they are; 0: none */
};

enum stack_choice {
	STACK_UNWANTED, /* nothing names it */
	STACK_YIELDS, /* a pattern names it, but its packets pass by one that is chosen */
	STACK_CHOSEN,
};

/* What the configuration names: names and patterns as in fnmatch(3). */
struct stack_names {
	char *const *items;
	size_t n;
};

bool stack_is_pattern(const char *name);

/* devices: ascending by number, all different. 0 or -ENOMEM. */
int stack_choose(const struct stack_device devices[], size_t n, const struct stack_names *names,
		 enum stack_choice ret[]);

#endif
