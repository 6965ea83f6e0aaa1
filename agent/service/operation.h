/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call that writes, on its way through the engine: who acts for whom, and what becomes of the
 * call however the operation ends.
 */
#ifndef WAYMARK_OPERATION_H
#define WAYMARK_OPERATION_H

#include <waymark/v1/marker.pb-c.h>

#include "core/engine.h"
#include "rpc/call.h"

/* First member of what a handler keeps of its call. */
struct operation {
	struct engine_op engine; /* first: done() gets the rest back from it */
	struct rpc_call *call; /* with a reference once submitted */
	/* The engine has carried it out: finishes the call. On the writer's thread. */
	void (*answer)(struct operation *operation);
	/* Makes the path of the failed update's field one of the request; NULL: it is. */
	void (*locate)(const struct operation *operation, struct fault *fault);
	/* Frees everything, the operation itself too; the engine's part is freed already. */
	void (*release)(struct operation *operation);
	struct mark there; /* that stood in the way, or was removed; revision 0: none */
};

/* Sets the call and what its options say of who writes and how, for as long as the call lives;
 * NULL: all defaults. 0; else a fault whose field begins with "options.": -EINVAL for an owner
 * that is too long, or that only an admin may write for. */
int operation_read_options(struct operation *operation, struct rpc_call *call,
			   const Waymark__V1__WriteOptions *options, struct fault *fault);

/* A request is gone when its handler returns: puts a copy of *text, which lives as long as the
 * call, in its place. 0, or negative with a fault. */
int operation_keep(struct rpc_call *call, const char **text, struct fault *fault);

/* Gives the operation to the engine; the call is answered in any case. */
void operation_submit(struct operation *operation);

/* The update whose failure is the operation's; NULL: it did not fail, or as a whole. */
const struct engine_update *operation_failed_update(const struct operation *operation);

/* Frees an operation that was not submitted. */
void operation_discard(struct operation *operation);

#endif
