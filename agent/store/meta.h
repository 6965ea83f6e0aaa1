/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the database is: its format, its identity, and how far it goes.
 */
#ifndef WAYMARK_STORE_META_H
#define WAYMARK_STORE_META_H

#include <lmdb.h>
#include <stdint.h>

#include "store/store.h"

/* Raised when an older program would misread what a newer one writes. Whoever raises it
 * teaches meta_read() to take the formats before it, and store_open() to convert them. */
#define META_FORMAT 1

struct meta {
	uint8_t state_id[STORE_STATE_ID_SIZE];
	uint64_t revision; /* newest */
	uint64_t compact_revision; /* newest that was dropped */
	uint64_t last_lease; /* highest id */
};

/* 0; -EBADMSG: damaged; -EPROTO: newer; else negative errno. `error` begins with `file`. */
int meta_read(MDB_txn *txn, MDB_dbi table, const char *file, struct meta *ret, char *error);

/* 0 or what LMDB says. */
int meta_write(MDB_txn *txn, MDB_dbi table, const struct meta *meta);

/* 0 or negative errno. */
int meta_new_state_id(struct meta *meta);

#endif
