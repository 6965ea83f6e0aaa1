/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/table.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#define ENOTSUPP 524 /* the kernel's own, in no header: "this map type has no batches" */
#define BATCH_LEAST 8 /* fewer keys go one by one: no dearer, and BPF_NOEXIST holds */

static struct exact_key exact_key(const struct match *match)
{
	struct exact_key key = {
		.source_port = htons(match->source_port),
		.destination_port = htons(match->destination_port),
		.protocol = match->protocol,
	};

	memcpy(key.destination, match->destination, sizeof(key.destination));
	memcpy(key.source, match->source, sizeof(key.source));
	return key;
}

static struct prefix_key prefix_key(const struct match *match)
{
	struct prefix_key key = {.length = match->prefix_length};

	memcpy(key.destination, match->destination, sizeof(key.destination));
	return key;
}

void table_batch_add(struct table_batch *batch, const struct table *table,
		     const struct match *match, uint32_t slot)
{
	void *room = batch->keys + batch->n * table->key_size;

	if (match->kind == MARK_NETWORK) {
		struct prefix_key key = prefix_key(match);

		memcpy(room, &key, sizeof(key));
		batch->values[batch->n] = slot | key.length << PREFIX_LENGTH_SHIFT;
	} else {
		struct exact_key key = exact_key(match);

		memcpy(room, &key, sizeof(key));
		batch->values[batch->n] = slot;
	}
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

/* Returns how many keys are done with, in good or in evil. */
static size_t run_batches(struct table *table, struct table_batch *batch,
			  enum operation operation)
{
	size_t done = 0;

	while (table->batches && batch->n - done >= BATCH_LEAST) {
		uint32_t asked = (uint32_t)(batch->n - done), count = asked;
		int error = do_many(table, batch, operation, done, &count);

		if (!error)
			return batch->n;
		if (count >= asked) { /* untouched: the kernel did not begin */
			table->batches = !is_unsupported(error);
			return done;
		}
		done += count;
		batch->errors[done++] = error;
	}
	return done;
}

static void run(struct table *table, struct table_batch *batch, enum operation operation)
{
	for (size_t i = run_batches(table, batch, operation); i < batch->n; i++)
		batch->errors[i] = do_one(table, batch, operation, i);
}

static void translate(struct table_batch *batch, int from, int to)
{
	for (size_t i = 0; i < batch->n; i++)
		if (batch->errors[i] == from)
			batch->errors[i] = to;
}

void table_insert(struct table *table, struct table_batch *batch)
{
	run(table, batch, INSERT);
	translate(batch, -E2BIG, -ENOSPC);
}

void table_remove(struct table *table, struct table_batch *batch)
{
	run(table, batch, REMOVE);
	translate(batch, -ENOENT, 0);
}
