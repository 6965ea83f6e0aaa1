/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the writer carries out together: decide each change in order, program the kernel,
 * commit once, publish in the index, complete. The order is the promise: what is answered is
 * programmed and committed.
 *
 * A match may occur any number of times. Changes are programmed in runs in which none does;
 * what a step finds is what the steps before it have left.
 *
 * The writer's thread only. group.c has the frame; decide.c, program.c, commit.c and publish.c
 * the stages; operation.c, replace.c and lease_operation.c what each kind of operation does.
 */
#ifndef WAYMARK_GROUP_H
#define WAYMARK_GROUP_H

#include <pthread.h>

#include "core/engine.h"
#include "core/index.h"
#include "core/lease_queue.h"
#include "core/match_table.h"
#include "core/step.h"

/* Steps from which on a group takes no further operation: calls that have come while the disk
 * was waited for share the next commit, and answers do not wait for ever. One operation may
 * have more by itself. */
#define GROUP_MAX 8192

/* Steps ahead of which memory is fetched that is probably not in the cache: the index's. */
#define GROUP_AHEAD 16

/* Kernel changes handed over at a time. */
#define GROUP_CHANGES 1024

struct change_batch {
	struct datapath_change changes[GROUP_CHANGES];
	struct step *steps[GROUP_CHANGES]; /* that they belong to */
	size_t n;
};

enum { ROOM_EXACT, ROOM_NETWORKS, ROOM_COUNT };

/* Which table a mark with this match lives in. */
static inline int room_of(const struct match *match)
{
	return match->kind == MARK_NETWORK ? ROOM_NETWORKS : ROOM_EXACT;
}

/* What the group does to a shared lease itself. */
enum lease_verb { LEASE_GRANT, LEASE_RENEW, LEASE_END };

struct lease_change {
	enum lease_verb verb;
	struct shared_lease *lease;
	int64_t old_deadline; /* RENEW: of `next_deadline` */
};

struct group {
	/* Borrowed; set before group_init(). */
	struct datapath *datapath;
	struct store *store;
	struct index *index;
	struct lease_queue *leases;
	pthread_rwlock_t *lock; /* of both, taken for writing while they change */
	uint8_t boot_id[16];
	uint64_t last_lease; /* the highest id in use */

	int64_t now, wall; /* clocks at the group's turn */
	struct engine_op *ops, **last_op; /* that are decided */
	struct step **blocks; /* of steps, so that they never move */
	size_t n_blocks;
	size_t n_steps;
	size_t n_programmed; /* the first ones, which are in the kernel or refused by it */
	size_t n_refused; /* removals of the engine's own that could not be made */
	struct match_table by_match; /* the first step of each match */
	struct lease_change *lease_changes;
	size_t n_lease_changes, max_lease_changes;
	struct index_owner *touched;
	int64_t room[ROOM_COUNT]; /* in the kernel's tables, after all steps */
	uint64_t coming_removals; /* of the owner whose marks are being replaced */
	uint32_t round; /* of replacements */
	bool simulating; /* nothing is programmed; the steps will be dropped */
	bool committed; /* the last group wrote into the store ... */
	int store_error; /* ... or could not; 0 or negative errno */
	struct change_batch *batches; /* two: one may be under way while the other is filled */
	struct change_batch *begun; /* the one that is under way; NULL: none */
};

/* ---- group.c ---- */

/* 0 or -ENOMEM. */
int group_init(struct group *group);
void group_done(struct group *group);

/* Empties the group and reads the clocks. */
void group_begin(struct group *group);

/* Decides operations from the list until the group is full; returns the rest. */
struct engine_op *group_take(struct group *group, struct engine_op *ops);

/* Programs, commits, publishes and completes what was taken. 0; negative errno: the store could
 * not commit. */
int group_run(struct group *group);

/* Step number i, in the order of decision. */
struct step *group_step(const struct group *group, size_t i);

/* The same, for who goes through all of them: those to come are fetched. */
struct step *group_visit(const struct group *group, size_t i);

/* Fetches what the updates after number i of the operation will look at. */
void group_prefetch(const struct group *group, const struct engine_op *op, size_t i);

/* Adds a step for the match, whose `was` is what the steps before have left; `hash` is its
 * match_hash(), `entry` what the index has for it. NULL: no memory. It is borrowed until the
 * group is over, and the match with it. */
struct step *group_add(struct group *group, const struct match *match, uint32_t hash,
		       struct index_entry *entry);

/* Has the group a step for the match of this entry, with an effect? */
bool group_knows(const struct group *group, const struct index_entry *entry);

/* The newest step, which is decided, has an effect: the next ones build upon it. 0 or -ENOMEM.
 */
int group_keep(struct group *group, struct step *step);

/* The step, which is the newest of its match, has no effect after all. */
void group_forget(struct group *group, struct step *step);

/* Takes the newest steps back until `n` are left: in the kernel, and in what the group keeps.
 */
void group_drop(struct group *group, size_t n);

/* The owner's account in this group. */
struct owner_account *group_account(struct group *group, struct index_owner *owner);

/* 0 or -ENOMEM. */
int group_add_lease_change(struct group *group, enum lease_verb verb,
			   struct shared_lease *lease);

/* ---- decide.c ---- */

/* Decides an update of an operation for this owner. What it finds wrong goes into the update's
 * fault. */
void decide_update(struct group *group, struct engine_op *op, struct index_owner *owner,
		   struct engine_update *update);

/* Decides the removal of an entry that no client asked for by its match; op may be NULL. 0 or
 * negative errno. */
int decide_removal(struct group *group, struct engine_op *op, struct index_entry *entry,
		   enum removal_reason reason);

/* What the step does to its owner's account and to the room in the tables; sign -1: takes it
 * back. */
void step_account(struct group *group, const struct step *step, int sign);

/* ---- program.c ---- */

/* Refuses the step: the kernel's table has no room. */
void step_refuse_full(const struct group *group, struct step *step);

/* Makes the changes that are due; what the kernel refuses is refused. */
void group_program(struct group *group);

/* The same, but the last ones may still be under way. */
void group_program_on(struct group *group);

/* Ends those. */
void group_settle(struct group *group);

/* Puts the kernel back to what it was before the step. */
void group_undo(struct group *group, struct step *step);

/* ---- commit.c ---- */

/* Everything the group has changed becomes durable, or nothing. 0 or negative errno. */
int group_commit(struct group *group);

/* ---- publish.c ---- */

/* Fills the out fields of the step's update, and counts it for its operation. */
void step_report(struct group *group, const struct step *step);

/* Lets readers see the group. */
void group_publish(struct group *group);

/* ---- operation.c, replace.c, lease_operation.c ---- */

/* Decides the operation, and programs what must not wait. What it finds wrong goes into the
 * operation's fault. */
void operation_decide(struct group *group, struct engine_op *op);

void replace_decide(struct group *group, struct engine_op *op, struct index_owner *owner);

/* Carries out all updates, or with all_or_nothing, or validate_only, what that asks for, by
 * calling `decide_all`. */
typedef void decide_updates(struct group *group, struct engine_op *op,
			    struct index_owner *owner);
void operation_attempt(struct group *group, struct engine_op *op, struct index_owner *owner,
		       decide_updates *decide_all);

/* Makes the first failed update's fault the operation's. */
void operation_adopt_fault(struct engine_op *op);

void lease_grant(struct group *group, struct engine_op *op, struct index_owner *owner);
void lease_renew(struct group *group, struct engine_op *op, struct index_owner *owner);
void lease_revoke(struct group *group, struct engine_op *op, struct index_owner *owner);

/* Puts leases back to what they were before the group. */
void lease_changes_undo(struct group *group);

/* Ends a lease that no mark hangs on after the group. 0 or -ENOMEM. */
int lease_end(struct group *group, struct shared_lease *lease);

#endif
