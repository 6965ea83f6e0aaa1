/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An entry of the kernel's tables: key and value as abi.h has them, for a match and its slot.
 * Pure functions.
 */
#ifndef WAYMARK_ENTRY_H
#define WAYMARK_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/abi.h"
#include "core/mark.h"

enum entry_kind { ENTRY_EXACT, ENTRY_NETWORK };

union entry_key {
	struct exact_key exact;
	struct prefix_key prefix;
	uint8_t bytes[sizeof(struct exact_key)]; /* what is not used is zero */
};

struct entry {
	union entry_key key;
	uint64_t value;
	enum entry_kind kind;
};

/* Writes the key of a match, of the size that its table has; returns the value. */
uint64_t entry_write(const struct match *match, uint32_t slot, void *key);

struct entry entry_make(const struct match *match, uint32_t slot);

/* The match and the slot of an entry from the kernel. False, and both untouched: no agent
 * has made it. */
bool entry_read(const struct entry *entry, struct match *ret_match, uint32_t *ret_slot);

#endif
