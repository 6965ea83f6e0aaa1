/* SPDX-License-Identifier: Apache-2.0 */
#include "call.h"

#include <string.h>

#include <grpc/byte_buffer.h>
#include <grpc/slice.h>
#include <grpc/support/time.h>

#include "error.h"

/* What one call receives. */
struct answer {
	grpc_metadata_array initial;
	grpc_metadata_array trailing;
	grpc_byte_buffer *message;
	grpc_status_code code;
	grpc_slice details;
};

static void answer_init(struct answer *answer)
{
	*answer = (struct answer){.details = grpc_empty_slice()};
	grpc_metadata_array_init(&answer->initial);
	grpc_metadata_array_init(&answer->trailing);
}

static void answer_done(struct answer *answer)
{
	grpc_metadata_array_destroy(&answer->initial);
	grpc_metadata_array_destroy(&answer->trailing);
	grpc_byte_buffer_destroy(answer->message);
	grpc_slice_unref(answer->details);
}

static void completion_queue_free(grpc_completion_queue *queue)
{
	const gpr_timespec never = gpr_inf_future(GPR_CLOCK_MONOTONIC);

	grpc_completion_queue_shutdown(queue);
	while (grpc_completion_queue_pluck(queue, NULL, never, NULL).type !=
	       GRPC_QUEUE_SHUTDOWN)
		;
	grpc_completion_queue_destroy(queue);
}

static grpc_call *call_new(grpc_channel *channel, grpc_completion_queue *queue,
			   const char *path, int64_t timeout_ms)
{
	const gpr_timespec deadline = gpr_time_add(
		gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(timeout_ms, GPR_TIMESPAN));
	grpc_slice method = grpc_slice_from_copied_string(path);
	grpc_call *call = grpc_channel_create_call(channel, NULL, GRPC_PROPAGATE_DEFAULTS,
						   queue, method, NULL, deadline, NULL);

	grpc_slice_unref(method);
	return call;
}

/* Runs the whole exchange as one batch. The batch always completes, for the call has a
 * deadline; its code tells how it went. */
static void call_run(grpc_call *call, grpc_completion_queue *queue, grpc_byte_buffer *request,
		     struct answer *answer)
{
	const gpr_timespec never = gpr_inf_future(GPR_CLOCK_MONOTONIC);
	const grpc_op operations[] = {
		{.op = GRPC_OP_SEND_INITIAL_METADATA},
		{.op = GRPC_OP_SEND_MESSAGE, .data.send_message = {.send_message = request}},
		{.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT},
		{.op = GRPC_OP_RECV_INITIAL_METADATA,
		 .data.recv_initial_metadata = {.recv_initial_metadata = &answer->initial}},
		{.op = GRPC_OP_RECV_MESSAGE,
		 .data.recv_message = {.recv_message = &answer->message}},
		{.op = GRPC_OP_RECV_STATUS_ON_CLIENT,
		 .data.recv_status_on_client = {.trailing_metadata = &answer->trailing,
						.status = &answer->code,
						.status_details = &answer->details}},
	};
	const size_t count = sizeof(operations) / sizeof(operations[0]);

	if (grpc_call_start_batch(call, operations, count, call, NULL) != GRPC_CALL_OK) {
		answer->code = GRPC_STATUS_INTERNAL;
		return;
	}
	(void)grpc_completion_queue_pluck(queue, call, never, NULL);
}

/* What the C core calls a channel whose credentials can open no connection. */
#define UNUSABLE_CREDENTIALS "empty address list"

/* The call's message, where it says something. */
static void answer_message(const struct answer *answer, struct waymark_error *error)
{
	const grpc_slice *details = &answer->details;

	(void)error_set(error, (int)answer->code, "", "%.*s", (int)GRPC_SLICE_LENGTH(*details),
			(const char *)GRPC_SLICE_START_PTR(*details));
	if (!error->message[0])
		(void)error_set(error, error->code, "", "the agent answered %s",
				waymark_code_name(error->code));
	else if (strncmp(error->message, UNUSABLE_CREDENTIALS, strlen(UNUSABLE_CREDENTIALS)) ==
		 0)
		(void)error_set(error, error->code, "",
				"no connection can be made: TLS certificate and key do not "
				"belong together, or one of the files is damaged");
}

static int answer_error(const struct answer *answer, struct waymark_error *error)
{
	const grpc_metadata_array *trailing = &answer->trailing;

	if (!error)
		return (int)answer->code;
	answer_message(answer, error);
	for (size_t i = 0; i < trailing->count; i++) {
		const grpc_slice *value = &trailing->metadata[i].value;

		if (grpc_slice_str_cmp(trailing->metadata[i].key, "grpc-status-details-bin") ==
		    0)
			error_add_details(error, GRPC_SLICE_START_PTR(*value),
					  GRPC_SLICE_LENGTH(*value));
	}
	return error->code;
}

int call_exchange(grpc_channel *channel, const char *path, grpc_byte_buffer *request,
		  int64_t timeout_ms, grpc_byte_buffer **ret, struct waymark_error *error)
{
	grpc_completion_queue *queue = grpc_completion_queue_create_for_pluck(NULL);
	grpc_call *call = call_new(channel, queue, path, timeout_ms);
	struct answer answer;
	int code;

	answer_init(&answer);
	call_run(call, queue, request, &answer);
	code = (int)answer.code;
	if (code) {
		code = answer_error(&answer, error);
	} else {
		*ret = answer.message;
		answer.message = NULL;
	}
	answer_done(&answer);
	grpc_call_unref(call);
	completion_queue_free(queue);
	return code;
}
