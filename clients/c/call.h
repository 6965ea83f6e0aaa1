/* SPDX-License-Identifier: Apache-2.0 */
/* One unary exchange on the C core: bytes in, bytes or a status out. */
#ifndef WAYMARK_CLIENT_CALL_H
#define WAYMARK_CLIENT_CALL_H

#include <grpc/grpc.h>

#include "waymark/client.h"

/* How a call is made. */
struct call_terms {
	grpc_channel *channel;
	const char *path; /* "/package.Service/Method" */
	int64_t deadline; /* clock.h */
	bool wait_for_ready;
};

/* The C core's call; the caller unrefs it. */
grpc_call *call_new(const struct call_terms *terms, grpc_completion_queue *queue);

/* The operation that starts it. */
grpc_op call_start(const struct call_terms *terms);

/* Frees a queue for plucking; none of its events may be outstanding. */
void completion_queue_free(grpc_completion_queue *queue);

/* Waits, for `tag` to come out of the queue at the longest, and lets the C core work meanwhile:
 * connections come up only while some thread of the program is in one of its queues. */
void queue_wait(grpc_completion_queue *queue, void *tag, int64_t until);

/* Sends `request`, which stays as it is, and waits for the answer. 0: *ret is the answer's
 * bytes, or NULL if the agent sent none, and the caller destroys it. Else the call's code. */
int call_exchange(const struct call_terms *terms, grpc_byte_buffer *request,
		  grpc_byte_buffer **ret, struct waymark_error *error);

#endif
