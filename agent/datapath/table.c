/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/table.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

#define ENOTSUPP 524 /* the kernel's own, in no header: "this map type has no batches" */
#define PIECE 128 /* keys that one of the two threads takes at a time */
#define BATCH_LEAST 8 /* fewer keys go one by one: no dearer, and BPF_NOEXIST holds */

void table_batch_add(struct table_batch *batch, const struct table *table,
		     const struct match *match, uint32_t slot)
{
	batch->values[batch->n] =
		entry_write(match, slot, batch->keys + batch->n * table->key_size);
	batch->slots[batch->n] = slot;
	batch->errors[batch->n++] = 0;
}

static void used_add(struct table *table, int32_t change)
{
	__atomic_store_n(&table->used, table->used + change, __ATOMIC_RELAXED);
}

int table_reserve(struct table *table)
{
	if (table->used >= table->capacity)
		return -ENOSPC;
	used_add(table, 1);
	return 0;
}

void table_release(struct table *table)
{
	used_add(table, -1);
}

uint32_t table_used(const struct table *table)
{
	return __atomic_load_n(&table->used, __ATOMIC_RELAXED);
}

enum operation { INSERT, REMOVE };

static int do_many(const struct table *table, const struct table_batch *batch,
		   enum operation operation, size_t from, uint32_t *count)
{
	const void *keys = batch->keys + from * table->key_size;

	if (operation == INSERT)
		return bpf_map_update_batch(table->fd, keys, batch->values + from, count, NULL);
	return bpf_map_delete_batch(table->fd, keys, count, NULL);
}

static int do_one(const struct table *table, const struct table_batch *batch,
		  enum operation operation, size_t i)
{
	const void *key = batch->keys + i * table->key_size;

	if (operation == INSERT)
		return bpf_map_update_elem(table->fd, key, &batch->values[i], BPF_NOEXIST);
	return bpf_map_delete_elem(table->fd, key);
}

static bool is_unsupported(int error)
{
	return error == -ENOTSUPP || error == -EOPNOTSUPP || error == -EINVAL;
}

static bool has_batches(const struct table *table)
{
	return __atomic_load_n(&table->batches, __ATOMIC_RELAXED);
}

/* Of the keys from `done` to `end`. Returns how far they are done with, in good or in evil. */
static size_t run_batches(struct table *table, struct table_batch *batch,
			  enum operation operation, size_t done, size_t end)
{
	while (has_batches(table) && end - done >= BATCH_LEAST) {
		uint32_t asked = (uint32_t)(end - done), count = asked;
		int error = do_many(table, batch, operation, done, &count);

		if (!error)
			return end;
		if (count >= asked) { /* untouched: the kernel did not begin */
			if (is_unsupported(error))
				__atomic_store_n(&table->batches, false, __ATOMIC_RELAXED);
			return done;
		}
		done += count;
		batch->errors[done++] = error;
	}
	return done;
}

static void run_piece(void *user, size_t piece)
{
	struct table_batch *batch = user;
	size_t from = piece * PIECE, end = from + PIECE < batch->n ? from + PIECE : batch->n;

	for (size_t i = run_batches(batch->table, batch, batch->operation, from, end); i < end;
	     i++)
		batch->errors[i] = do_one(batch->table, batch, batch->operation, i);
}

/* The two threads meet nowhere in the kernel: buckets have locks of their own, and free
 * elements lists for each processor. */
static void begin(struct table *table, struct table_batch *batch, enum operation operation)
{
	batch->table = table;
	batch->operation = operation;
	helper_begin(&table->helper, run_piece, batch, (batch->n + PIECE - 1) / PIECE);
}

static void translate(struct table_batch *batch, int from, int to)
{
	for (size_t i = 0; i < batch->n; i++)
		if (batch->errors[i] == from)
			batch->errors[i] = to;
}

void table_insert_begin(struct table *table, struct table_batch *batch)
{
	begin(table, batch, INSERT);
}

void table_insert_finish(struct table *table, struct table_batch *batch)
{
	helper_finish(&table->helper);
	translate(batch, -E2BIG, -ENOSPC);
}

void table_insert(struct table *table, struct table_batch *batch)
{
	table_insert_begin(table, batch);
	table_insert_finish(table, batch);
}

void table_remove(struct table *table, struct table_batch *batch)
{
	begin(table, batch, REMOVE);
	helper_finish(&table->helper);
	translate(batch, -ENOENT, 0);
}

int table_next(const struct table *table, const union entry_key *after, struct entry *ret)
{
	struct entry entry = {.kind = table->kind};
	int error = bpf_map_get_next_key(table->fd, after, &entry.key);

	if (error)
		return error;
	error = bpf_map_lookup_elem(table->fd, &entry.key, &entry.value);
	if (error && error != -ENOENT)
		return error;
	*ret = entry;
	return 0;
}

static int each_by_key(const struct table *table,
		       int (*each)(const struct entry *entry, void *user), void *user)
{
	struct entry entry = {0}, next = {0};
	int error = table_next(table, NULL, &entry);

	while (!error) {
		int result;

		error = table_next(table, &entry.key, &next);
		result = each(&entry, user);
		if (result)
			return result;
		entry = next;
	}
	return error == -ENOENT ? 0 : error;
}

static int each_in_batch(const struct table *table, const struct table_batch *batch,
			 int (*each)(const struct entry *entry, void *user), void *user)
{
	for (size_t i = 0; i < batch->n; i++) {
		struct entry entry = {.kind = table->kind, .value = batch->values[i]};
		int result;

		memcpy(entry.key.bytes, batch->keys + i * table->key_size, table->key_size);
		result = each(&entry, user);
		if (result)
			return result;
	}
	return 0;
}

/* -ENOTSUPP: the kernel does not do that. */
static int each_by_batch(const struct table *table,
			 int (*each)(const struct entry *entry, void *user), void *user)
{
	cleanup(free_bytes) struct table_batch *batch = malloc(sizeof(*batch));
	uint32_t place = 0, count, *from = NULL;
	int error = 0, result = 0;

	if (!batch)
		return -ENOMEM;
	for (; !error && !result; from = &place) {
		count = TABLE_BATCH;
		error = bpf_map_lookup_batch(table->fd, from, &place, batch->keys,
					     batch->values, &count, NULL);
		if (error && error != -ENOENT) /* which means: these are the last */
			return from || !is_unsupported(error) ? error : -ENOTSUPP;
		batch->n = count;
		result = each_in_batch(table, batch, each, user);
	}
	return result;
}

int table_each(struct table *table, int (*each)(const struct entry *entry, void *user),
	       void *user)
{
	if (has_batches(table)) {
		int result = each_by_batch(table, each, user);

		if (result != -ENOTSUPP)
			return result;
		__atomic_store_n(&table->batches, false, __ATOMIC_RELAXED);
	}
	return each_by_key(table, each, user);
}

int table_get(const struct table *table, const struct entry *entry, uint64_t *ret_value)
{
	return bpf_map_lookup_elem(table->fd, &entry->key, ret_value);
}

int table_put(const struct table *table, const struct entry *entry)
{
	return bpf_map_update_elem(table->fd, &entry->key, &entry->value, BPF_ANY);
}

int table_drop(const struct table *table, const struct entry *entry)
{
	int error = bpf_map_delete_elem(table->fd, &entry->key);

	return error == -ENOENT ? 0 : error;
}
