/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine keeps in memory. Match -> where its mark lives: the slot in the datapath,
 * the revision in the store, and whose it is. Owners, and the leases that marks share.
 *
 * Not locked: the engine changes it under its write lock and reads it under its read lock.
 * What is `next`, `touched` or `round` is the writer's alone.
 */
#ifndef WAYMARK_INDEX_H
#define WAYMARK_INDEX_H

#include <stdint.h>
#include <uthash.h>

#include "core/lease_queue.h"
#include "core/mark.h"
#include "core/match_table.h"

/* What an owner has. */
struct owner_account {
	uint64_t marks, leases;
	uint64_t election_id; /* the highest it has shown; 0: none */
};

/* One owner; lives as long as the index. */
struct index_owner {
	struct owner_account account;
	struct owner_account next; /* with what the group under way does */
	uint64_t changed; /* newest revision of a mark of this owner, removals too */
	struct index_owner *touched; /* next one whose account the group changes */
	bool is_touched;
	UT_hash_handle hh;
	char name[]; /* the key */
};

struct index_entry {
	struct match match; /* the key */
	uint32_t slot; /* in the datapath; 0: not programmed */
	uint32_t round; /* of the last replacement that declared this match */
	/* Of the mark's own, what a change has to know: or each would read the old record. */
	struct mark_action action;
	uint32_t cookie; /* index_cookie_hash() */
	int64_t create_time;
	uint64_t revision; /* in the store */
	uint32_t hash; /* match_hash() of `match` */
	struct index_owner *owner;
	struct lease *lease; /* NULL: for ever */
	struct index_entry *next, *prev; /* of the same lease */
};

/* A lease that marks of one owner share. */
struct shared_lease {
	struct lease lease; /* first; its id is the key */
	struct index_owner *owner;
	uint64_t n_marks;
	UT_hash_handle hh;
};

/* All zero at first. */
struct index {
	struct match_table entries;
	struct index_owner *owners;
	struct shared_lease *leases; /* in the order of their ids */
	uint64_t revision; /* of the newest change that is in here; whoever makes it sets it */
	uint32_t by_length[129]; /* NETWORKs of this prefix length */
};

/* Frees the contents but for the leases, which are the queue's; the index is empty after. */
void index_done(struct index *index);

/* ---- entries ---- */

/* NULL: not there. Valid until the entry is removed. */
struct index_entry *index_find(const struct index *index, const struct match *match);

/* The same where match_hash() of the match is known. */
struct index_entry *index_find_hashed(const struct index *index, const struct match *match,
				      uint32_t hash);

/* index_find() for many: what they need is brought from memory all at once. matches[] are
 * `stride` octets apart. */
void index_find_many(const struct index *index, const struct match *matches, size_t stride,
		     size_t n, struct index_entry **ret);

/* The most specific entry that covers what `match` describes and whose deadline comes after
 * `now`; NULL: none. */
struct index_entry *index_effective(const struct index *index, const struct match *match,
				    int64_t now);

/* An entry for index_add(), from malloc(); `hash` is match_hash() of the match. NULL: no
 * memory. */
struct index_entry *index_entry_new(const struct match *match, uint32_t hash,
				    struct index_owner *owner);

/* Takes over an entry whose match must not be there yet, and counts it for its owner. 0 or
 * -ENOMEM, and the caller keeps it. */
int index_add(struct index *index, struct index_entry *entry);

/* Takes the entry off its lease too, and frees it. */
void index_remove(struct index *index, struct index_entry *entry);

/* Hangs the entry on another lease; NULL: on none. */
void index_set_lease(struct index_entry *entry, struct lease *lease);

/* 0 for the empty one only; two that differ may have the same. */
uint32_t index_cookie_hash(const char *cookie);

/* ---- owners ---- */

/* NULL: never seen. */
struct index_owner *index_find_owner(const struct index *index, const char *name);

/* Finds it, or makes one that has nothing. NULL: no memory. */
struct index_owner *index_make_owner(struct index *index, const char *name);

/* ---- shared leases ---- */

/* NULL: there is none with this id. */
struct shared_lease *index_find_lease(const struct index *index, uint64_t id);

/* Takes over a lease whose id is above all others', and counts it for its owner. 0 or -ENOMEM,
 * and the caller keeps it. */
int index_add_lease(struct index *index, struct shared_lease *lease);

/* Gives it back to the caller; no mark hangs on it any more. */
void index_remove_lease(struct index *index, struct shared_lease *lease);

#endif
