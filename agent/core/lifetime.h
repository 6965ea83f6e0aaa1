/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of a step that is about how long its mark lives. Called by group.c in this order:
 * decide; undo, or record, then publish (under the write lock).
 *
 * Deadlines are on CLOCK_BOOTTIME, in ns.
 */
#ifndef WAYMARK_LIFETIME_H
#define WAYMARK_LIFETIME_H

#include <stdbool.h>
#include <stdint.h>

struct group;
struct index_entry;
struct step;

/* CLOCK_BOOTTIME and CLOCK_REALTIME, ns. */
int64_t lifetime_now(void);
int64_t lifetime_wall(void);

/* Has the deadline of this mark passed? NULL: no. */
bool lifetime_over(const struct index_entry *entry, int64_t now);

/* A mark is set: gives it the lease that it asks for, renews the one that it has, or lets go of
 * it; the kernel knows the deadline afterwards. 0, or -EINVAL with the step refused. */
int lifetime_decide(struct group *group, struct step *step);

/* Is the lifetime that the mark asks for another one than it has? */
bool lifetime_differs(const struct step *step);

/* Puts the kernel's deadlines back to what they were before lifetime_decide(). */
void lifetime_undo(struct group *group, struct step *step);

/* Does this step write its lease into the store though its mark stays as it is? */
bool lifetime_renews(const struct step *step);

/* Puts the lease into the store's transaction, or takes it out. 0 or negative errno. */
int lifetime_record(struct group *group, const struct step *step);

/* Hangs the entry on its lease. `entry` is the step's, or the one that was just made. */
void lifetime_publish(struct group *group, struct step *step, struct index_entry *entry);

/* The mark is gone: so is its private lease. Before the entry is removed. */
void lifetime_end(struct group *group, struct index_entry *entry);

#endif
