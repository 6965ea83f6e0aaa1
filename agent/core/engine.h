/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The single writer: every change of the set of marks goes through its queue. It takes all
 * that has queued up, decides each operation in order against its index, programs the
 * datapath, commits the store once, and only then completes the operations. Readers never
 * enter the queue.
 *
 * Threads: engine_submit() and the readers from any thread; done() runs on the writer's.
 */
#ifndef WAYMARK_ENGINE_H
#define WAYMARK_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/fault.h"
#include "core/mark.h"

struct datapath;
struct store;
struct engine;

enum outcome {
	OUTCOME_NONE, /* failed, or not tried */
	OUTCOME_CREATED,
	OUTCOME_UPDATED,
	OUTCOME_UNCHANGED,
	OUTCOME_REMOVED,
	OUTCOME_ABSENT,
};

/* ---- one mark's change ---- */

enum update_verb { UPDATE_SET, UPDATE_CLEAR };

struct engine_update {
	/* In. */
	struct match match;
	struct mark_action action; /* SET */
	uint8_t verb; /* enum update_verb */
	uint8_t lifetime; /* SET: enum mark_lifetime */
	bool must_not_exist; /* SET */
	uint64_t if_revision; /* 0: no condition */
	uint64_t ttl; /* SET with MARK_TTL: ns */
	uint64_t lease; /* SET with MARK_LEASE: id. Out: of the mark, private ones too */
	const char *cookie; /* SET: at most MARK_COOKIE_MAX octets; borrowed until done() */

	/* In: set if the caller has refused it already. Out: why it failed; NULL: it did not.
	 * engine_op_done() frees it. */
	struct fault *fault;

	/* Out. */
	uint8_t outcome; /* enum outcome */
	uint32_t hash; /* the engine's own: match_hash() */
	uint64_t revision; /* of the change; UNCHANGED: of the mark; else 0 */
	int64_t create_time; /* of the mark; ns since 1970 */
	int64_t deadline; /* of the mark, on CLOCK_BOOTTIME, ns; 0: none */
	/* REMOVED: final. Of a mark that stays: what it has counted, with op->counted; else
	 * zero. */
	struct traffic_count counters;
};

/* Marks an update as failed: its fault, to be filled with fault_set(). Never NULL. */
struct fault *engine_update_refuse(struct engine_update *update);

/* ---- an operation: what one call does ---- */

enum engine_verb {
	/* Carries out `updates` in order. */
	ENGINE_APPLY,
	/* The owner's marks become what `updates` (all SET, no match twice) say: they are
	 * carried out, and the owner's other marks removed. Those that were refused beforehand
	 * keep the mark that is there. */
	ENGINE_REPLACE,
	ENGINE_GRANT, /* makes a lease of `ttl` */
	ENGINE_RENEW, /* moves the deadline of `lease` */
	ENGINE_REVOKE, /* removes `lease` and all that hangs on it */
};

/* A lease that marks can share. */
struct engine_lease {
	uint64_t id;
	uint64_t ttl; /* ns */
	int64_t deadline; /* on CLOCK_BOOTTIME, ns */
	uint64_t marks; /* that hang on it */
	char owner[MARK_OWNER_MAX + 1];
};

/* The caller owns it until engine_submit() and again from done() on. */
struct engine_op {
	/* In. */
	enum engine_verb verb;
	const char *owner; /* for whom the call acts, 1..MARK_OWNER_MAX octets; borrowed */
	bool is_admin; /* may renew and revoke leases of others */
	bool for_other; /* an admin acts for another owner: may reset the fence */
	bool validate_only; /* everything is checked and answered, nothing changed */
	bool counted; /* updates[].counters are wanted, of marks that stay too */
	bool all_or_nothing; /* a failed update fails the operation, and nothing is changed */
	uint64_t election_id; /* 0: none */
	uint64_t quota; /* marks that the owner may have; 0: no limit */
	uint64_t lease_quota; /* leases that the owner may have; 0: no limit */
	struct engine_update *updates; /* APPLY, REPLACE; borrowed */
	size_t n_updates;
	uint64_t if_owner_revision; /* REPLACE; 0: no condition */
	uint64_t lease; /* RENEW, REVOKE: id */
	uint64_t ttl; /* GRANT: ns */
	/* Where to put a copy of the mark that the (last) update removed, or that stands in its
	 * way (NOT_OWNER, MARK, REVISION_MISMATCH); its revision is 0 if there is none. NULL:
	 * not wanted. Borrowed. */
	struct mark *there;
	int64_t there_deadline; /* out: of *there; 0: none */

	/* May the operation still be applied? Asked once, at its turn, on the writer's thread.
	 * NULL: yes. */
	bool (*wanted)(struct engine_op *op);
	/* Called exactly once. */
	void (*done)(struct engine_op *op);

	/* Out. */
	bool cancelled; /* it was not wanted any more; nothing was changed */
	/* Why the operation as a whole failed, and nothing was changed (but perhaps the stored
	 * election id); code 0: it did not. With all_or_nothing the first failed update's. */
	struct fault fault;
	size_t failed_update; /* whose fault that is */
	uint64_t revision; /* of the last change that it made, else the newest */
	uint64_t first_revision; /* of the first change; 0: it made none */
	uint64_t created, updated, unchanged, removed, absent, failed; /* numbers of marks */
	struct engine_lease granted; /* GRANT, RENEW: the lease as it is now */
	enum outcome outcome; /* REVOKE: REMOVED or ABSENT */

	/* The engine's. */
	struct engine_op *next;
};

/* Frees what the engine has put into the operation; the operation itself is the caller's. */
void engine_op_done(struct engine_op *op);

/* ---- life ---- */

struct engine_options {
	struct datapath *datapath; /* borrowed until engine_free() */
	struct store *store; /* likewise */
	uint8_t boot_id[16]; /* changes with every boot of the host */
	int64_t audit_interval; /* ns between two audits of the kernel's maps; 0: none */
	/* An audit has put so many entries right. On the writer's thread; may be NULL. */
	void (*repaired)(uint64_t repairs, void *user);
	/* Readers see changes up to this revision from now on. On the writer's thread, which it
	 * must not hold up; may be NULL. */
	void (*published)(uint64_t revision, void *user);
	/* The store could not commit, with this negative errno; or 0: it can again. On the
	 * writer's thread; may be NULL. */
	void (*store_failed)(int error, void *user);
	void *user;
};

/* What engine_new() found. */
struct engine_restored {
	uint64_t marks; /* in the store */
	uint64_t adopted; /* of those, were in the kernel's maps already */
	uint64_t stray; /* in the maps, but not in the store: removed */
};

/* Reads marks, owners and leases from the store: readers may ask from here on. 0 or negative
 * errno. */
int engine_new(const struct engine_options *options, struct engine **ret);

/* Brings the kernel's maps in line with the store: what both know keeps its slot and its
 * counters, what only the store knows is programmed, what only the maps know is removed.
 * Then starts the writer's thread: operations may be submitted from here on. 0 or negative
 * errno. */
int engine_start(struct engine *engine, struct engine_restored *ret_restored);

/* Completes what is queued, then ends the writer. No thread may submit any more. */
void engine_free(struct engine *engine);

void engine_submit(struct engine *engine, struct engine_op *op);

/* ---- readers ---- */

/* Has engine_start() succeeded? Until then the slots of marks, and so their counters, are not
 * known. */
bool engine_is_started(const struct engine *engine);

/* A reader's answer. */
struct engine_mark {
	struct mark mark;
	int64_t deadline; /* on CLOCK_BOOTTIME, ns; 0: none */
	struct traffic_count counters;
};

/* The mark with exactly this match. 0; -ENOENT; else what the store says. */
int engine_get(struct engine *engine, const struct match *match, struct engine_mark *ret);

/* The mark that a packet described by this match gets: the most specific one that covers
 * it and has not expired. 0; -ENOENT; else what the store says. */
int engine_effective(struct engine *engine, const struct match *match, struct engine_mark *ret);

/* Calls `each` for every mark changed after revision `after`, in the order of revisions, until
 * it returns non-zero; returns that, 0 at the end, or negative errno if the store cannot be
 * read. Changes up to the engine_revision() of before are seen; one that is made meanwhile may
 * bring its mark again. */
int engine_scan(struct engine *engine, uint64_t after,
		int (*each)(const struct engine_mark *found, void *user), void *user);

/* Newest revision that readers see, 0 at first. */
uint64_t engine_revision(struct engine *engine);

/* Newest revision whose removal may be forgotten. */
uint64_t engine_compact_revision(struct engine *engine);

#define ENGINE_STATE_ID_SIZE 16

/* Random; new only when revisions could repeat. */
void engine_state_id(struct engine *engine, uint8_t ret[static ENGINE_STATE_ID_SIZE]);

/* Entries that audits have put right since the start. */
uint64_t engine_repairs(struct engine *engine);

/* What an owner has. All zero for one that nobody has seen. */
struct engine_owner {
	uint64_t marks, leases;
	uint64_t election_id; /* the highest it has shown; 0: none */
};

struct engine_owner engine_owner(struct engine *engine, const char *owner);

/* Calls `each` for the shared leases with an id above `after`, in the order of their ids, until
 * it returns non-zero; returns that, or 0. `each` must not block or call the engine. */
int engine_leases(struct engine *engine, uint64_t after,
		  int (*each)(const struct engine_lease *lease, void *user), void *user);

/* How many shared leases there are. */
uint64_t engine_lease_count(struct engine *engine);

/* ---- changes, for watches ---- */

/* One change; valid for the call only. Either mark or removal is set. */
struct engine_change {
	uint64_t revision;
	const struct mark *mark;
	int64_t deadline; /* of `mark`, on CLOCK_BOOTTIME, ns; 0: none */
	const struct removal *removal;
};

/* Passes changes after revision `after`, in the order of revisions: every mark that is still as
 * that revision made it, and every removal with a revision above `removals_after`. Looks at so
 * many records as one short read transaction takes (some thousands), so call it again until
 * it stands still. `each` may stop it with non-zero; the change that it was given counts as
 * passed. Returns the revision up to which all was passed or skipped, at most
 * engine_revision(); `after` if there is nothing; *ret_error: 0, or negative errno if the store
 * cannot be read. -ESTALE: removals above max(after, removals_after) may be forgotten already.
 */
uint64_t engine_changes(struct engine *engine, uint64_t after, uint64_t removals_after,
			int (*each)(const struct engine_change *change, void *user), void *user,
			int *ret_error);

#endif
