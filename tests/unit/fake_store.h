/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store without a disk: a table in memory, whose commit fails when told to. Superseded
 * records stay, as they may in the real one.
 */
#ifndef WAYMARK_FAKE_STORE_H
#define WAYMARK_FAKE_STORE_H

#include "store/store.h"

#define FAKE_RECORDS 8192
#define FAKE_STORE_LEASES 64
#define FAKE_STORE_OWNERS 8

struct fake_record {
	bool is_removal;
	struct mark mark;
	struct removal removal;
};

struct fake_owner {
	char name[32]; /* empty: free */
	uint64_t election_id;
};

/* What a transaction changes at once, and what it falls back to. */
struct fake_state {
	uint64_t revision; /* the record of revision N is records[N] */
	uint64_t last_lease;
	struct store_lease leases[FAKE_STORE_LEASES]; /* id 0: free */
	struct fake_owner owners[FAKE_STORE_OWNERS];
};

struct store {
	struct fake_record *records; /* FAKE_RECORDS of them; written once each */
	struct fake_state committed, pending;
	int commit_error; /* of every commit from now on; 0: none */
	unsigned int commits; /* that succeeded */
};

struct store *fake_store_new(void);
void fake_store_free(struct store *store);

#endif
