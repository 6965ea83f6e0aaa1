/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a transaction is going to write. It is kept until the commit has succeeded, because a
 * commit that finds the map too small is written again.
 */
#ifndef WAYMARK_STORE_BATCH_H
#define WAYMARK_STORE_BATCH_H

#include <lmdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/environment.h"

struct change;
struct succession;

/* All zero at first. */
struct batch {
	struct change *changes;
	size_t n_changes, max_changes;
	/* What the changes do to the living, in their order. */
	struct succession *successions;
	size_t n_successions, max_successions;
	uint8_t *bytes; /* keys and values */
	size_t used, max_bytes;
};

struct succession {
	uint64_t lives; /* revision; 0: none */
	uint64_t dies; /* revision; 0: none */
};

void batch_done(struct batch *batch);

/* Empties the batch; keeps its memory, unless that is uncommonly much. */
void batch_clear(struct batch *batch);

/* A value NULL removes the key. Both are copied. 0 or -ENOMEM. */
int batch_add(struct batch *batch, enum table table, const void *key, size_t key_size,
	      const void *value, size_t value_size);

/* The same for a key that is a number. */
int batch_add_number(struct batch *batch, enum table table, uint64_t key, const void *value,
		     size_t value_size);

int batch_add_succession(struct batch *batch, struct succession succession);

/* Writes everything. 0 or what LMDB says. */
int batch_write(const struct batch *batch, MDB_txn *txn, const MDB_dbi tables[]);

#endif
