/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One kernel map from a match to its slot: the hash of exact matches or the trie of
 * prefixes. Knows how full it is, and spares system calls where the kernel takes many keys
 * at once.
 */
#ifndef WAYMARK_TABLE_H
#define WAYMARK_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"
#include "core/mark.h"
#include "datapath/entry.h"
#include "datapath/helper.h"

/* Keys of one kernel call; more than this gains nothing (0.66 us a key at 1024 and at 8192). */
#define TABLE_BATCH 1024

struct table {
	int fd; /* borrowed */
	enum entry_kind kind;
	size_t key_size;
	uint32_t capacity;
	uint32_t used; /* written by the writer, read by anybody */
	bool batches; /* false once the kernel has refused one */
	struct helper helper; /* works at the same batch */
};

/* Keys on their way into or out of a table, all of the same one. */
struct table_batch {
	uint8_t keys[TABLE_BATCH * sizeof(struct exact_key)]; /* key_size apart */
	uint64_t values[TABLE_BATCH];
	uint32_t slots[TABLE_BATCH];
	int errors[TABLE_BATCH];
	size_t n;
	struct table *table; /* that it is on its way into or out of */
	int operation;
};

/* Appends a key; there must be room, n < TABLE_BATCH. */
void table_batch_add(struct table_batch *batch, const struct table *table,
		     const struct match *match, uint32_t slot);

/* Makes room for one entry: 0 or -ENOSPC. Given back with table_release(). */
int table_reserve(struct table *table);
void table_release(struct table *table);

uint32_t table_used(const struct table *table);

/* Every key gets its errors[]: 0; -ENOSPC: the kernel has no room; -EEXIST, where it looks. */
void table_insert(struct table *table, struct table_batch *batch);

/* The same in two steps: until the second one the batch must stay as it is, and is not done. */
void table_insert_begin(struct table *table, struct table_batch *batch);
void table_insert_finish(struct table *table, struct table_batch *batch);

/* Every key gets its errors[]. A key that is not there is no error. */
void table_remove(struct table *table, struct table_batch *batch);

/* ---- one entry at a time, as it is in the kernel; table_used() stays as it is ---- */

/* The entry behind this key, or the first if that is NULL or gone. Its value is 0 if it has
 * just been removed. 0; -ENOENT: that was the last; or what the kernel said. */
int table_next(const struct table *table, const union entry_key *after, struct entry *ret);

/* Calls `each` for every entry until it returns non-zero, and returns that; or what the kernel
 * said. `each` may drop the entry that it is given, and no other. */
int table_each(struct table *table, int (*each)(const struct entry *entry, void *user),
	       void *user);

/* What the kernel has under the key of this entry. 0, -ENOENT or what the kernel said. */
int table_get(const struct table *table, const struct entry *entry, uint64_t *ret_value);

/* Writes an entry, over another value if there is one. */
int table_put(const struct table *table, const struct entry *entry);

/* Removes the key; that it is not there is no error. */
int table_drop(const struct table *table, const struct entry *entry);

#endif
