/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of a step that is about how long its mark lives. The stages of a group call it in
 * this order: decide; program, perhaps undo; record; publish.
 *
 * Deadlines are on CLOCK_BOOTTIME, in ns.
 */
#ifndef WAYMARK_LIFETIME_H
#define WAYMARK_LIFETIME_H

#include <stdbool.h>
#include <stdint.h>

struct group;
struct index_entry;
struct lease;
struct step;
struct store_lease;

/* CLOCK_BOOTTIME and CLOCK_REALTIME, ns. */
int64_t lifetime_now(void);
int64_t lifetime_wall(void);

/* Has its deadline passed, with what the group does? NULL: no. */
bool lifetime_over(const struct lease *lease, int64_t now);

/* A mark is set: finds the shared lease that it asks for, if it asks for one. 0, or -EINVAL
 * with the update refused. */
int lifetime_attach(struct group *group, struct step *step);

/* Makes or renews the private lease that it asks for, if it asks for one. Likewise. */
int lifetime_decide(struct group *group, struct step *step);

/* Tells the kernel of the deadline, if the step changes it. */
void lifetime_program(struct group *group, const struct step *step);

/* Takes lifetime_decide() and lifetime_program() back; the kernel does not know the mark with
 * this lease any more, or it does if `lost`: then nobody else may get its deadline. */
void lifetime_undo(struct group *group, struct step *step, bool lost);

/* Puts private leases into the store's transaction, and takes them out. 0 or negative errno. */
int lifetime_record(struct group *group, const struct step *step);

/* Hangs the entry on its lease, and lets go of the one before. Under the write lock. */
void lifetime_publish(struct group *group, struct step *step, struct index_entry *entry);

/* The mark is gone: so is its private lease. Before the entry is removed, under the write
 * lock. */
void lifetime_end(struct group *group, struct index_entry *entry);

/* A lease as the store keeps it, with what the group does. */
void lifetime_stored(const struct group *group, const struct lease *lease, const char *owner,
		     struct store_lease *ret);

/* Takes a lease that nobody refers to out of the queue and the datapath, and frees it. */
void lifetime_free(struct group *group, struct lease *lease);

#endif
