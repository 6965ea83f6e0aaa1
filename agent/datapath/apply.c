/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/shared.h"
#include "datapath/state.h"
#include "datapath/word.h"
#include "failpoint.h"

/* Changes ahead of which a word of the filter is fetched: it is hardly ever in the cache. */
enum { AHEAD = 8 };

/* Everything that the program looks at after the lookup is in place before the key is. */
static void insert_prepare(struct datapath *datapath, struct datapath_change *change,
			   uint64_t now)
{
	struct table *table = table_of(datapath, change->match);
	uint32_t slot;

	change->error = table_reserve(table);
	if (change->error)
		return;
	slot = slots_take_waiting(&datapath->slots, now);
	rows_start(&datapath->rows, slot, change->match->kind,
		   word_encode(&change->action, change->lease), change->counters);
	filter_add(&datapath->filter, change->match, slot, now);
	table_batch_add(datapath->batch, table, change->match, slot);
}

static void insert_undo(struct datapath *datapath, struct table *table, uint32_t slot)
{
	filter_remove(&datapath->filter, slot);
	rows_clear(&datapath->rows, slot);
	slots_untake(&datapath->slots, slot);
	table_release(table);
}

static void insertion_finish(struct datapath *datapath)
{
	struct insertion *insertion = &datapath->insertion;
	struct table_batch *batch = insertion->batch;

	if (!insertion->n)
		return;
	table_insert_finish(batch->table, batch);
	for (size_t i = 0, row = 0; i < insertion->n; i++) {
		struct datapath_change *change = &insertion->changes[i];

		if (change->error)
			continue; /* never got a row */
		change->error = batch->errors[row];
		if (change->error)
			insert_undo(datapath, batch->table, batch->slots[row]);
		else
			change->slot = batch->slots[row];
		row++;
	}
	insertion->n = 0;
}

/* The keys of the run before may still be on their way while this one is prepared. */
static void insert_run(struct datapath *datapath, struct datapath_change run[], size_t n,
		       uint64_t now)
{
	struct table_batch *batch = datapath->batch;

	batch->n = 0;
	for (size_t i = 0; i < n; i++) {
		if (i + AHEAD < n)
			filter_prefetch(&datapath->filter, run[i + AHEAD].match);
		insert_prepare(datapath, &run[i], now);
	}
	FAILPOINT("inside-batch");
	insertion_finish(datapath);
	datapath->insertion = (struct insertion){run, n, batch};
	datapath->batch = &datapath->batches[batch == &datapath->batches[0]];
	table_insert_begin(table_of(datapath, run->match), batch);
}

/* The key is gone: packets under way see an empty word or finish with the old one. */
static void remove_finish(struct datapath *datapath, struct datapath_change *change,
			  uint64_t now)
{
	adoption_end(&datapath->adoption, change->slot, &datapath->leases, now);
	rows_clear(&datapath->rows, change->slot);
	change->counters = rows_count(&datapath->rows, change->slot);
	filter_remove(&datapath->filter, change->slot);
	slots_put(&datapath->slots, change->slot, now);
	table_release(table_of(datapath, change->match));
}

static void remove_run(struct datapath *datapath, struct datapath_change run[], size_t n,
		       uint64_t now)
{
	struct table *table = table_of(datapath, run->match);
	struct table_batch *batch = datapath->batch;

	batch->n = 0;
	for (size_t i = 0; i < n; i++)
		table_batch_add(batch, table, run[i].match, run[i].slot);
	table_remove(table, batch);
	FAILPOINT("inside-batch");
	for (size_t i = 0; i < n; i++) {
		run[i].error = batch->errors[i];
		if (!run[i].error)
			remove_finish(datapath, &run[i], now);
	}
}

static void rewrite_run(struct datapath *datapath, struct datapath_change run[], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		rows_write(&datapath->rows, run[i].slot, run[i].match->kind,
			   word_encode(&run[i].action, run[i].lease));
		run[i].error = 0;
	}
}

/* Changes with the same verb and table, from the first one on. */
static size_t run_length(struct datapath *datapath, const struct datapath_change changes[],
			 size_t n)
{
	size_t length = 1;

	while (length < n && length < TABLE_BATCH && changes[length].verb == changes[0].verb &&
	       table_of(datapath, changes[length].match) ==
		       table_of(datapath, changes[0].match))
		length++;
	return length;
}

static void apply_run(struct datapath *datapath, struct datapath_change run[], size_t n,
		      uint64_t now)
{
	if (run->verb != DATAPATH_INSERT)
		insertion_finish(datapath);
	switch (run->verb) {
	case DATAPATH_INSERT:
		insert_run(datapath, run, n, now);
		break;
	case DATAPATH_REWRITE:
		rewrite_run(datapath, run, n);
		break;
	case DATAPATH_REMOVE:
		remove_run(datapath, run, n, now);
		break;
	}
}

void datapath_begin(struct datapath *datapath, struct datapath_change changes[], size_t n)
{
	uint64_t now = shared_now();

	for (size_t done = 0, length; done < n; done += length) {
		length = run_length(datapath, &changes[done], n - done);
		apply_run(datapath, &changes[done], length, now);
		FAILPOINT("inside-batch");
	}
	filter_tidy(&datapath->filter, now);
}

void datapath_finish(struct datapath *datapath)
{
	insertion_finish(datapath);
}

int datapath_apply(struct datapath *datapath, struct datapath_change changes[], size_t n)
{
	datapath_begin(datapath, changes, n);
	datapath_finish(datapath);
	for (size_t i = 0; i < n; i++)
		if (changes[i].error)
			return changes[i].error;
	return 0;
}
