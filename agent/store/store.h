/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of marks in the order of their revisions: listing, watching and restoring are
 * the same forward scan. Knows nothing of the kernel or of RPCs.
 *
 * Threads: one writer (begin .. commit or abort); any number of readers beside it. A
 * reader sees committed transactions only.
 */
#ifndef WAYMARK_STORE_H
#define WAYMARK_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "core/mark.h"

struct store;

#define STORE_STATE_ID_SIZE 16

/* 0 or negative errno; *ret untouched on failure. */
int store_open(struct store **ret);
void store_close(struct store *store);

/* Changes only when revisions could repeat. 16 random bytes. */
void store_state_id(const struct store *store, uint8_t ret[static STORE_STATE_ID_SIZE]);

/* Newest committed revision; 0 in an empty store. */
uint64_t store_revision(struct store *store);

/* Starts the writer's transaction. 0 or negative errno. */
int store_begin(struct store *store);

/* Appends mark under mark->revision, which must be the highest yet, and drops the record of
 * revision `supersedes` (0: none). 0 or negative errno; after one, abort. */
int store_put(struct store *store, const struct mark *mark, uint64_t supersedes);

/* Takes the record of revision `supersedes` away; the removal itself takes `revision`. */
int store_remove(struct store *store, uint64_t revision, uint64_t supersedes);

/* 0 once everything since store_begin() is durable; negative errno and nothing of it kept. */
int store_commit(struct store *store);
void store_abort(struct store *store);

/* The record of exactly this revision. 0 or -ENOENT. */
int store_get(struct store *store, uint64_t revision, struct mark *ret);

/* Calls `each` for the records after revision `after` in order until it returns non-zero,
 * and returns that; 0 at the end. `each` must not write to the store or block for long. */
int store_scan(struct store *store, uint64_t after,
	       int (*each)(const struct mark *mark, void *user), void *user);

#endif
