/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call that writes, on its way through the engine: who acts for whom, and what becomes of the
 * call however the operation ends.
 */
#ifndef WAYMARK_SUBMISSION_H
#define WAYMARK_SUBMISSION_H

#include <waymark/v1/marker.pb-c.h>

#include "core/engine.h"
#include "rpc/call.h"

/* First member of what a handler keeps of its call. */
struct submission {
	struct engine_op engine; /* first: done() gets the rest back from it */
	struct rpc_call *call; /* with a reference once submitted */
	/* The engine has carried it out: finishes the call. On the writer's thread. */
	void (*answer)(struct submission *submission);
	/* Makes the path of a fault's field one of the request. `failed` is the update that it
	 * is about, or NULL. NULL: it is one already. */
	void (*locate)(const struct submission *submission, const struct engine_update *failed,
		       struct fault *fault);
	/* Frees everything, the operation itself too; the engine's part is freed already. */
	void (*release)(struct submission *submission);
	bool is_single; /* SetMark or ClearMark: its one update is what the call is about */
	size_t octets; /* what it counts in the queue */
	struct mark there; /* that stood in the way, or was removed; revision 0: none */
};

/* Sets the call and what its options say of who writes and how, for as long as the call lives;
 * NULL: all defaults. 0; else a fault whose field begins with "options.": -EINVAL for an owner
 * that is too long, or that only an admin may write for. */
int submission_read_options(struct submission *submission, struct rpc_call *call,
			    const Waymark__V1__WriteOptions *options, struct fault *fault);

/* What the marks of one request are judged by: found once, for there may be thousands. */
struct mark_reader {
	const struct registry *registry;
	const struct policy_rule *rule;
};

struct mark_reader submission_reader(const struct rpc_call *call);

/* wire_read_mark() for a mark that a call sets, whichever RPC it comes by, and what the policy
 * says of it. */
int submission_read_mark(const struct mark_reader *reader, const Waymark__V1__Mark *message,
			 struct engine_update *ret, struct fault *fault);

/* A request is gone when its handler returns: puts a copy of *text, which lives as long as the
 * call, in its place. 0, or negative with a fault. */
int submission_keep(struct rpc_call *call, const char **text, struct fault *fault);

/* Gives the operation to the engine, or refuses it because too many wait there; the call is
 * answered in any case. */
void submission_send(struct submission *submission);

/* The update whose failure is the operation's; NULL: it did not fail, or as a whole. */
const struct engine_update *submission_failed_update(const struct submission *submission);

/* The one field of a mark that only the engine can judge is its lease: puts the mark's path in
 * front of it. */
void submission_locate_lease(struct fault *fault, const char *mark);

/* Frees an operation that was not submitted. */
void submission_discard(struct submission *submission);

#endif
