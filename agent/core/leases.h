/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases: deadlines that marks hang on. A private lease is the ttl of one mark; a shared one
 * carries any number. Ordered by deadline, so that the next one to pass is always at hand.
 *
 * Not locked: like the index, the engine changes it under its write lock.
 */
#ifndef WAYMARK_LEASES_H
#define WAYMARK_LEASES_H

#include <stddef.h>
#include <stdint.h>

struct index_entry;

struct lease {
	uint64_t id;
	uint64_t ttl; /* ns */
	int64_t deadline; /* on CLOCK_BOOTTIME, ns */
	uint32_t index; /* in the datapath's deadlines */
	uint32_t place; /* in the heap */
	struct index_entry *marks; /* list of those that hang on it */
};

/* All zero at first. */
struct leases {
	struct lease **heap; /* earliest deadline first */
	size_t n, max;
};

/* Frees the leases too. */
void leases_done(struct leases *leases);

/* Takes over a lease from malloc(). 0 or -ENOMEM, and the caller keeps it. */
int leases_add(struct leases *leases, struct lease *lease);

/* Gives it back to the caller. */
void leases_remove(struct leases *leases, struct lease *lease);

void leases_renew(struct leases *leases, struct lease *lease, int64_t deadline);

/* The lease whose deadline comes first; NULL: none. */
struct lease *leases_first(const struct leases *leases);

#endif
