/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases in the order of their deadlines, so that the next one to pass is always at hand. A
 * private lease is the ttl of one mark; a shared one carries any number.
 *
 * Not locked: like the index, the engine changes it under its write lock. What is `next` is
 * the writer's alone.
 */
#ifndef WAYMARK_LEASE_QUEUE_H
#define WAYMARK_LEASE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct index_entry;

struct lease {
	uint64_t id;
	uint64_t ttl; /* ns */
	int64_t deadline; /* on CLOCK_BOOTTIME, ns */
	int64_t next_deadline; /* with what the group under way does to it */
	uint64_t next_ttl; /* likewise */
	uint32_t index; /* in the datapath's deadlines */
	uint32_t place; /* in the heap */
	bool is_shared; /* it is the first member of a struct shared_lease */
	struct index_entry *marks; /* list of those that hang on it, by their `next` */
};

/* All zero at first. */
struct lease_queue {
	struct lease **heap; /* earliest deadline first */
	size_t n, max;
};

/* Frees the leases too. */
void lease_queue_done(struct lease_queue *queue);

/* Room for so many more, so that lease_queue_add() cannot fail. 0 or -ENOMEM. */
int lease_queue_reserve(struct lease_queue *queue, size_t more);

/* Takes over a lease from malloc(). 0 or -ENOMEM, and the caller keeps it. */
int lease_queue_add(struct lease_queue *queue, struct lease *lease);

/* Gives it back to the caller. */
void lease_queue_remove(struct lease_queue *queue, struct lease *lease);

void lease_queue_renew(struct lease_queue *queue, struct lease *lease, int64_t deadline);

/* The lease whose deadline comes first; NULL: none. */
struct lease *lease_queue_first(const struct lease_queue *queue);

#endif
