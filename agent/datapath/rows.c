/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/rows.h"

#include "datapath/shared.h"
#include "datapath/state.h"

static struct mark_row *row_of(const struct rows *rows, uint32_t slot, uint32_t stripe)
{
	return &rows->all[(size_t)stripe * rows->slots + slot];
}

static uint32_t stripes_of(enum mark_kind kind)
{
	return kind == MARK_FLOW || kind == MARK_ENDPOINT ? 1 : COUNTER_STRIPES;
}

uint64_t rows_word(const struct rows *rows, uint32_t slot)
{
	return shared_load(&row_of(rows, slot, 0)->word);
}

void rows_write(const struct rows *rows, uint32_t slot, enum mark_kind kind, uint64_t word)
{
	for (uint32_t i = 0; i < stripes_of(kind); i++)
		shared_store(&row_of(rows, slot, i)->word, word);
}

void rows_start(const struct rows *rows, uint32_t slot, enum mark_kind kind, uint64_t word,
		struct traffic_count count)
{
	for (uint32_t i = 0; i < COUNTER_STRIPES; i++) {
		struct mark_row *row = row_of(rows, slot, i);

		shared_store(&row->traffic.packets, i ? 0 : count.packets);
		shared_store(&row->traffic.bytes, i ? 0 : count.bytes);
	}
	rows_write(rows, slot, kind, word);
}

void rows_clear(const struct rows *rows, uint32_t slot)
{
	for (uint32_t i = 0; i < COUNTER_STRIPES; i++)
		shared_store(&row_of(rows, slot, i)->word, 0);
}

unsigned rows_repair(const struct rows *rows, uint32_t slot, enum mark_kind kind, uint64_t word)
{
	unsigned repairs = 0;

	for (uint32_t i = 0; i < stripes_of(kind); i++)
		repairs += shared_repair(&row_of(rows, slot, i)->word, word);
	return repairs;
}

struct traffic_count rows_count(const struct rows *rows, uint32_t slot)
{
	struct traffic_count sum = {0};

	for (uint32_t i = 0; i < COUNTER_STRIPES; i++)
		counters_add(&sum, &row_of(rows, slot, i)->traffic);
	return sum;
}
