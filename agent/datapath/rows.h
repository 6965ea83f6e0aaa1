/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of a mark: what packets of the CPUs of one stripe are written and counted by. All
 * of them have the same word; FLOW and ENDPOINT are looked up in that of stripe 0 only.
 */
#ifndef WAYMARK_ROWS_H
#define WAYMARK_ROWS_H

#include <stdint.h>

#include "bpf/abi.h"
#include "core/mark.h"
#include "datapath/datapath.h"

struct rows {
	struct mark_row *all; /* borrowed; [stripe * slots + slot] */
	uint32_t slots;
};

/* The word of a slot; 0: it is free. */
uint64_t rows_word(const struct rows *rows, uint32_t slot);

/* Sets the word of a mark that packets see, all of a stripe at once. */
void rows_write(const struct rows *rows, uint32_t slot, enum mark_kind kind, uint64_t word);

/* Sets counters and word of a slot that no packet sees yet. */
void rows_start(const struct rows *rows, uint32_t slot, enum mark_kind kind, uint64_t word,
		struct traffic_count count);

/* Marks nothing any more; the counters stay. */
void rows_clear(const struct rows *rows, uint32_t slot);

/* Puts the word right. Returns how many rows had another. */
unsigned rows_repair(const struct rows *rows, uint32_t slot, enum mark_kind kind,
		     uint64_t word);

/* Sum of the stripes. */
struct traffic_count rows_count(const struct rows *rows, uint32_t slot);

#endif
