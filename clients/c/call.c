/* SPDX-License-Identifier: Apache-2.0 */
#include "call.h"

#include <grpc/byte_buffer.h>
#include <grpc/slice.h>

#include "clock.h"
#include "message.h"
#include "outcome.h"

/* What one call receives. */
struct answer {
	grpc_metadata_array initial;
	grpc_byte_buffer *message;
	struct outcome outcome;
};

static void answer_init(struct answer *answer)
{
	answer->message = NULL;
	grpc_metadata_array_init(&answer->initial);
	outcome_init(&answer->outcome);
}

static void answer_done(struct answer *answer)
{
	grpc_metadata_array_destroy(&answer->initial);
	grpc_byte_buffer_destroy(answer->message);
	outcome_done(&answer->outcome);
}

void completion_queue_free(grpc_completion_queue *queue)
{
	grpc_completion_queue_shutdown(queue);
	while (grpc_completion_queue_pluck(queue, NULL, clock_gpr(NEVER), NULL).type !=
	       GRPC_QUEUE_SHUTDOWN)
		;
	grpc_completion_queue_destroy(queue);
}

void queue_wait(grpc_completion_queue *queue, void *tag, int64_t until)
{
	(void)grpc_completion_queue_pluck(queue, tag, clock_gpr(until), NULL);
}

grpc_call *call_new(const struct call_terms *terms, grpc_completion_queue *queue)
{
	grpc_slice method = grpc_slice_from_copied_string(terms->path);
	grpc_call *call =
		grpc_channel_create_call(terms->channel, NULL, GRPC_PROPAGATE_DEFAULTS, queue,
					 method, NULL, clock_gpr(terms->deadline), NULL);

	grpc_slice_unref(method);
	return call;
}

grpc_op call_start(const struct call_terms *terms)
{
	return (grpc_op){
		.op = GRPC_OP_SEND_INITIAL_METADATA,
		.flags = terms->wait_for_ready
				 ? GRPC_INITIAL_METADATA_WAIT_FOR_READY |
					   GRPC_INITIAL_METADATA_WAIT_FOR_READY_EXPLICITLY_SET
				 : 0,
	};
}

/* Runs the whole exchange as one batch. The batch always completes, for the call has a
 * deadline; its code tells how it went. */
static void call_run(const struct call_terms *terms, grpc_call *call,
		     grpc_completion_queue *queue, grpc_byte_buffer *request,
		     struct answer *answer)
{
	const grpc_op operations[] = {
		call_start(terms),
		{.op = GRPC_OP_SEND_MESSAGE, .data.send_message = {.send_message = request}},
		{.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT},
		{.op = GRPC_OP_RECV_INITIAL_METADATA,
		 .data.recv_initial_metadata = {.recv_initial_metadata = &answer->initial}},
		{.op = GRPC_OP_RECV_MESSAGE,
		 .data.recv_message = {.recv_message = &answer->message}},
		outcome_receive(&answer->outcome),
	};
	const size_t count = sizeof(operations) / sizeof(operations[0]);

	if (grpc_call_start_batch(call, operations, count, call, NULL) != GRPC_CALL_OK) {
		answer->outcome.code = GRPC_STATUS_INTERNAL;
		return;
	}
	(void)grpc_completion_queue_pluck(queue, call, clock_gpr(NEVER), NULL);
}

int call_exchange(const struct call_terms *terms, grpc_byte_buffer *request,
		  grpc_byte_buffer **ret, struct waymark_error *error)
{
	/* Sending empties a buffer; a copy shares its slices. */
	cleanup(destroy_byte_buffer) grpc_byte_buffer *copy = grpc_byte_buffer_copy(request);
	grpc_completion_queue *queue = grpc_completion_queue_create_for_pluck(NULL);
	grpc_call *call = call_new(terms, queue);
	struct answer answer;
	int code;

	answer_init(&answer);
	call_run(terms, call, queue, copy, &answer);
	code = outcome_error(&answer.outcome, error);
	if (!code)
		*ret = take(answer.message);
	answer_done(&answer);
	grpc_call_unref(call);
	completion_queue_free(queue);
	return code;
}
