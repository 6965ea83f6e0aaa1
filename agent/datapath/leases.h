/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The array of deadlines that marks refer to by index. Index 0 is never.
 *
 * Not locked: the writer's alone.
 */
#ifndef WAYMARK_LEASES_H
#define WAYMARK_LEASES_H

#include <stdint.h>

#include "datapath/clock.h"
#include "datapath/slots.h"

#define LEASES_NO_DEADLINE INT64_MAX

struct leases {
	uint64_t *words; /* borrowed, shared with the program */
	int64_t *deadlines; /* [index] ns of CLOCK_BOOTTIME, or LEASES_NO_DEADLINE */
	uint32_t count;
	struct slots slots;
};

/* words has `count` entries. 0 or -ENOMEM; leases_done() is due in any case. */
int leases_init(struct leases *leases, uint64_t *words, uint32_t count);
void leases_done(struct leases *leases);

/* An entry whose deadline is never, or 0: none is left. */
uint32_t leases_take(struct leases *leases, uint64_t now);
void leases_put(struct leases *leases, uint32_t index, uint64_t now);

void leases_set(struct leases *leases, uint32_t index, int64_t deadline,
		const struct clock *clock);

/* Writes an entry as it should be, unless an earlier agent has set it; returns how many
 * words were wrong. */
unsigned leases_repair(const struct leases *leases, uint32_t index, const struct clock *clock);

/* Writes all deadlines anew; call it when the clock has changed. */
void leases_align(const struct leases *leases, const struct clock *clock);

#endif
