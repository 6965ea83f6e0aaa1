/* SPDX-License-Identifier: Apache-2.0 */
#include "stream.h"

#include <grpc/byte_buffer.h>

#include "clock.h"
#include "message.h"

/* Each batch has the address of its flag as its tag. */
static void batch_start(struct stream *stream, const grpc_op *operations, size_t count,
			bool *batch)
{
	*batch = grpc_call_start_batch(stream->call, operations, count, batch, NULL) ==
		 GRPC_CALL_OK;
}

/* False: it is still under way at the deadline. *success (NULL is fine): it did its work. */
static bool batch_wait(struct stream *stream, bool *batch, int64_t deadline, bool *success)
{
	grpc_event event = {.type = GRPC_OP_COMPLETE};

	if (*batch)
		event = grpc_completion_queue_pluck(stream->queue, batch, clock_gpr(deadline),
						    NULL);
	if (event.type != GRPC_OP_COMPLETE)
		return false;
	if (success)
		*success = *batch && event.success;
	*batch = false;
	return true;
}

void stream_init(struct stream *stream, const struct call_terms *terms,
		 grpc_byte_buffer *request)
{
	const grpc_op operations[] = {
		call_start(terms),
		{.op = GRPC_OP_RECV_INITIAL_METADATA,
		 .data.recv_initial_metadata = {.recv_initial_metadata = &stream->initial}},
		{.op = GRPC_OP_SEND_MESSAGE, .data.send_message = {.send_message = request}},
		{.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT},
	};
	grpc_op status;

	*stream = (struct stream){
		.queue = grpc_completion_queue_create_for_pluck(NULL),
		.sent = request,
	};
	grpc_metadata_array_init(&stream->initial);
	outcome_init(&stream->outcome);
	status = outcome_receive(&stream->outcome);
	stream->call = call_new(terms, stream->queue);
	batch_start(stream, operations, request ? 4 : 2, &stream->opening);
	batch_start(stream, &status, 1, &stream->finishing);
}

void stream_done(struct stream *stream)
{
	bool *const batches[] = {&stream->opening, &stream->sending, &stream->receiving,
				 &stream->finishing};

	(void)grpc_call_cancel(stream->call, NULL);
	for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++)
		(void)batch_wait(stream, batches[i], NEVER, NULL);
	grpc_call_unref(stream->call);
	completion_queue_free(stream->queue);
	grpc_metadata_array_destroy(&stream->initial);
	grpc_byte_buffer_destroy(stream->sent);
	grpc_byte_buffer_destroy(stream->received);
	outcome_done(&stream->outcome);
}

bool stream_send(struct stream *stream, grpc_byte_buffer *bytes, bool last)
{
	const grpc_op operations[] = {
		{.op = GRPC_OP_SEND_MESSAGE, .data.send_message = {.send_message = bytes}},
		{.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT},
	};
	bool success = false;

	batch_start(stream, operations, last ? 2 : 1, &stream->sending);
	(void)batch_wait(stream, &stream->sending, NEVER, &success);
	grpc_byte_buffer_destroy(bytes);
	return success;
}

bool stream_receive(struct stream *stream, int64_t deadline, grpc_byte_buffer **ret)
{
	const grpc_op operation = {
		.op = GRPC_OP_RECV_MESSAGE,
		.data.recv_message = {.recv_message = &stream->received},
	};

	if (!stream->receiving)
		batch_start(stream, &operation, 1, &stream->receiving);
	if (!batch_wait(stream, &stream->receiving, deadline, NULL))
		return false;
	*ret = take(stream->received);
	return true;
}

int stream_finish(struct stream *stream, struct waymark_error *error)
{
	(void)batch_wait(stream, &stream->finishing, NEVER, NULL);
	return outcome_error(&stream->outcome, error);
}

void stream_cancel(struct stream *stream)
{
	(void)grpc_call_cancel(stream->call, NULL);
}
