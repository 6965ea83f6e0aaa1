/* SPDX-License-Identifier: Apache-2.0 */
#include "store/batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

DEFINE_CLEANUP(close_cursor, MDB_cursor *, mdb_cursor_close)

/* An uncommonly large transaction does not keep its memory for ever. */
#define BYTES_KEPT ((size_t)4 * 1024 * 1024)

/* Places are offsets: the bytes move as they grow. */
struct change {
	enum table table;
	bool removes;
	size_t key, key_size, value, value_size;
};

void batch_done(struct batch *batch)
{
	free(batch->changes);
	free(batch->successions);
	free(batch->bytes);
	*batch = (struct batch){.used = 0};
}

void batch_clear(struct batch *batch)
{
	if (batch->max_bytes > BYTES_KEPT)
		batch_done(batch);
	batch->n_changes = 0;
	batch->n_successions = 0;
	batch->used = 0;
}

/* The array with room for `wanted` items of `size` octets; NULL: no memory, and the array
 * is as it was. */
static void *reserve(void *array, size_t *max, size_t wanted, size_t size)
{
	void *grown;

	if (array && wanted <= *max)
		return array;
	if (wanted < 2 * *max)
		wanted = 2 * *max;
	grown = reallocarray(array, wanted, size);
	if (grown)
		*max = wanted;
	return grown;
}

static struct change *add_change(struct batch *batch)
{
	struct change *changes = reserve(batch->changes, &batch->max_changes,
					 batch->n_changes + 1, sizeof(*changes));

	if (!changes)
		return NULL;
	batch->changes = changes;
	return &changes[batch->n_changes];
}

/* Keys are aligned, for LMDB reads numbers from them. */
static size_t align(size_t size)
{
	return (size + sizeof(uint64_t) - 1) & ~(sizeof(uint64_t) - 1);
}

static size_t keep(struct batch *batch, const void *bytes, size_t size)
{
	size_t place = batch->used;

	if (bytes)
		memcpy(batch->bytes + place, bytes, size);
	batch->used += align(size);
	return place;
}

int batch_add(struct batch *batch, enum table table, const void *key, size_t key_size,
	      const void *value, size_t value_size)
{
	struct change *change = add_change(batch);
	uint8_t *bytes = reserve(batch->bytes, &batch->max_bytes,
				 batch->used + align(key_size) + align(value_size), 1);

	if (bytes)
		batch->bytes = bytes;
	if (!bytes || !change)
		return -ENOMEM;
	change->table = table;
	change->removes = !value;
	change->key_size = key_size;
	change->key = keep(batch, key, key_size);
	change->value_size = value_size;
	change->value = keep(batch, value, value_size);
	batch->n_changes++;
	return 0;
}

int batch_add_number(struct batch *batch, enum table table, uint64_t key, const void *value,
		     size_t value_size)
{
	return batch_add(batch, table, &key, sizeof(key), value, value_size);
}

int batch_add_succession(struct batch *batch, struct succession succession)
{
	struct succession *successions =
		reserve(batch->successions, &batch->max_successions, batch->n_successions + 1,
			sizeof(*successions));

	if (!successions)
		return -ENOMEM;
	batch->successions = successions;
	successions[batch->n_successions++] = succession;
	return 0;
}

/* `end` stays at the end of the records, which is not looked for each time. */
static int write_change(const struct batch *batch, const struct change *change, MDB_txn *txn,
			MDB_dbi table, MDB_cursor *end)
{
	MDB_val key = {change->key_size, batch->bytes + change->key};
	MDB_val value = {change->value_size, batch->bytes + change->value};
	int rc;

	if (!change->removes)
		return change->table == TABLE_RECORDS
			       ? mdb_cursor_put(end, &key, &value, MDB_APPEND)
			       : mdb_put(txn, table, &key, &value, 0);
	rc = mdb_del(txn, table, &key, NULL);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

int batch_write(const struct batch *batch, MDB_txn *txn, const MDB_dbi tables[])
{
	cleanup(close_cursor) MDB_cursor *end = NULL;
	int rc = mdb_cursor_open(txn, tables[TABLE_RECORDS], &end);

	for (size_t i = 0; rc == 0 && i < batch->n_changes; i++) {
		const struct change *change = &batch->changes[i];

		rc = write_change(batch, change, txn, tables[change->table], end);
	}
	return rc;
}
