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
	OUTCOME_NONE,
	OUTCOME_CREATED,
	OUTCOME_UPDATED,
	OUTCOME_UNCHANGED,
	OUTCOME_REMOVED,
	OUTCOME_ABSENT,
};

enum engine_verb {
	ENGINE_SET,
	ENGINE_CLEAR,
	ENGINE_EXPIRE, /* the engine's own: removes the mark if its deadline has passed */
};

/* One operation. The caller owns it until engine_submit() and again from done() on. */
struct engine_op {
	enum engine_verb verb;
	/* SET: match, action, cookie, lifetime and ttl. CLEAR: match. Both: owner, for whom the
	 * call acts. Out, unless ABSENT or refused: the mark as it stands, or as it was
	 * removed. */
	struct mark mark;
	/* May the operation still be applied? Asked once, at its turn, on the writer's thread.
	 * NULL: yes. */
	bool (*wanted)(struct engine_op *op);
	/* Called exactly once. */
	void (*done)(struct engine_op *op);

	/* Out. */
	enum outcome outcome; /* OUTCOME_NONE: refused (fault), or not wanted (fault.code 0) */
	struct traffic_count counters; /* of `mark` */
	int64_t deadline; /* of `mark`, on CLOCK_BOOTTIME, ns; 0: none */
	uint64_t revision; /* of the change, else the newest */
	struct fault fault;
	/* The mark that stands in the way, where fault.reason is NOT_OWNER. */
	struct mark conflict;

	/* The engine's. */
	struct engine_op *next;
};

struct engine_options {
	struct datapath *datapath; /* borrowed until engine_free() */
	struct store *store; /* likewise */
	uint8_t boot_id[16]; /* changes with every boot of the host */
	int64_t audit_interval; /* ns between two audits of the kernel's maps; 0: none */
	/* An audit has put so many entries right. On the writer's thread; may be NULL. */
	void (*repaired)(uint64_t repairs, void *user);
	void *user;
};

/* What engine_new() found. */
struct engine_restored {
	uint64_t marks; /* in the store */
	uint64_t adopted; /* of those, were in the kernel's maps already */
	uint64_t stray; /* in the maps, but not in the store: removed */
};

/* Brings the kernel's maps in line with the store: what both know keeps its slot and its
 * counters, what only the store knows is programmed, what only the maps know is removed.
 * Then starts the writer's thread. 0 or negative errno. */
int engine_new(const struct engine_options *options, struct engine **ret,
	       struct engine_restored *ret_restored);

/* Completes what is queued, then ends the writer. No thread may submit any more. */
void engine_free(struct engine *engine);

void engine_submit(struct engine *engine, struct engine_op *op);

/* A reader's answer. */
struct engine_mark {
	struct mark mark;
	int64_t deadline; /* on CLOCK_BOOTTIME, ns; 0: none */
	struct traffic_count counters;
};

/* The mark with exactly this match. 0; -ENOENT; else what the store says. */
int engine_get(struct engine *engine, const struct match *match, struct engine_mark *ret);

/* The mark that a packet described by this match gets: the most specific one that covers
 * it. 0; -ENOENT; else what the store says. */
int engine_effective(struct engine *engine, const struct match *match, struct engine_mark *ret);

/* Current counters and deadline of the mark with this match; zero if there is none. */
void engine_volatile(struct engine *engine, const struct match *match,
		     struct traffic_count *ret_counters, int64_t *ret_deadline);

/* Calls `each` for every mark changed after revision `after`, in the order of revisions, until
 * it returns non-zero; returns that, 0 at the end, or negative errno if the store cannot be
 * read. Changes up to the engine_revision() of before are seen; one that is made meanwhile may
 * bring its mark again. */
int engine_scan(struct engine *engine, uint64_t after,
		int (*each)(const struct mark *mark, void *user), void *user);

/* Newest revision that readers see, 0 at first. */
uint64_t engine_revision(struct engine *engine);

#define ENGINE_STATE_ID_SIZE 16

/* Random; new only when revisions could repeat. */
void engine_state_id(struct engine *engine, uint8_t ret[static ENGINE_STATE_ID_SIZE]);

/* Entries that audits have put right since the start. */
uint64_t engine_repairs(struct engine *engine);

/* Number of marks that this owner has. */
uint64_t engine_owner_marks(struct engine *engine, const char *owner);

#endif
