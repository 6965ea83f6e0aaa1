/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One stream on the C core, from its start to its status. One thread at a time, except for
 * stream_cancel().
 */
#ifndef WAYMARK_CLIENT_STREAM_H
#define WAYMARK_CLIENT_STREAM_H

#include "call.h"
#include "outcome.h"

struct stream {
	grpc_completion_queue *queue;
	grpc_call *call;
	grpc_metadata_array initial;
	grpc_byte_buffer *sent; /* until the C core has taken it */
	grpc_byte_buffer *received;
	struct outcome outcome;
	bool opening, sending, receiving, finishing; /* batches that are under way */
};

/* Starts the call; what becomes of it, the functions below tell. A server stream gives its
 * request and sends no more; it is taken over. Pair with stream_done(). */
void stream_init(struct stream *stream, const struct call_terms *terms,
		 grpc_byte_buffer *request);

/* Ends the call, if it still runs, and releases everything. */
void stream_done(struct stream *stream);

/* Sends a message, the last one if so said, and waits until flow control has taken it. The
 * bytes are taken over. False: the stream has ended, see stream_finish(). */
bool stream_send(struct stream *stream, grpc_byte_buffer *bytes, bool last);

/* Waits for a message. False: none before the deadline; a later call goes on waiting. *ret: its
 * bytes, which the caller destroys, or NULL where the stream has ended. */
bool stream_receive(struct stream *stream, int64_t deadline, grpc_byte_buffer **ret);

/* Waits for the end of the call: its code, which may be 0, else *error says more. Once. */
int stream_finish(struct stream *stream, struct waymark_error *error);

/* Makes the call end soon with CANCELLED. Any thread between init and done. */
void stream_cancel(struct stream *stream);

#endif
