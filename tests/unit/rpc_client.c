/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc_client.h"

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <grpc/support/alloc.h>
#include <grpc/support/time.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"

grpc_channel *rpc_client_new(const char *target, grpc_channel_credentials *credentials)
{
	grpc_channel_credentials *plain =
		credentials ? NULL : grpc_insecure_credentials_create();
	/* A channel of its own connection, whatever other tests have open; no retries, which
	 * would hide what the server said. */
	grpc_arg list[] = {
		{GRPC_ARG_INTEGER, (char *)GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, {.integer = 1}},
		{GRPC_ARG_INTEGER, (char *)GRPC_ARG_ENABLE_RETRIES, {.integer = 0}},
		{GRPC_ARG_STRING,
		 (char *)GRPC_SSL_TARGET_NAME_OVERRIDE_ARG,
		 {.string = (char *)"agent.test"}},
	};
	const grpc_channel_args arguments = {credentials ? 3 : 2, list};
	grpc_channel *channel =
		grpc_channel_create(target, credentials ? credentials : plain, &arguments);

	if (plain)
		grpc_channel_credentials_release(plain);
	return channel;
}

/* Starts the batch and waits for it. */
static bool stream_run(struct rpc_stream *stream, const grpc_op *ops, size_t count)
{
	grpc_call_error error = grpc_call_start_batch(stream->call, ops, count, stream, NULL);
	grpc_event event;

	assert_int_equal(error, GRPC_CALL_OK);
	event = grpc_completion_queue_next(stream->queue, gpr_inf_future(GPR_CLOCK_REALTIME),
					   NULL);
	assert_int_equal(event.type, GRPC_OP_COMPLETE);
	return event.success;
}

void rpc_stream_open(struct rpc_stream *stream, grpc_channel *channel, const char *path,
		     int deadline_ms)
{
	grpc_op op = {.op = GRPC_OP_SEND_INITIAL_METADATA};
	gpr_timespec deadline = gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
					     gpr_time_from_millis(deadline_ms, GPR_TIMESPAN));

	*stream = (struct rpc_stream){.queue = grpc_completion_queue_create_for_next(NULL)};
	stream->call = grpc_channel_create_call(
		channel, NULL, GRPC_PROPAGATE_DEFAULTS, stream->queue,
		grpc_slice_from_static_string(path), NULL, deadline, NULL);
	stream_run(stream, &op, 1);
}

bool rpc_stream_send_bytes(struct rpc_stream *stream, const void *bytes, size_t size)
{
	grpc_slice slice = grpc_slice_from_copied_buffer(bytes, size);
	grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
	grpc_op op = {.op = GRPC_OP_SEND_MESSAGE};
	bool sent;

	op.data.send_message.send_message = buffer;
	sent = stream_run(stream, &op, 1);
	grpc_byte_buffer_destroy(buffer);
	grpc_slice_unref(slice);
	return sent;
}

bool rpc_stream_send(struct rpc_stream *stream, const ProtobufCMessage *message)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	uint8_t *bytes = malloc(size + 1);
	bool sent;

	protobuf_c_message_pack(message, bytes);
	sent = rpc_stream_send_bytes(stream, bytes, size);
	free(bytes);
	return sent;
}

void rpc_stream_half_close(struct rpc_stream *stream)
{
	grpc_op op = {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT};

	stream_run(stream, &op, 1);
}

void rpc_stream_wait_open(struct rpc_stream *stream)
{
	grpc_op op = {.op = GRPC_OP_RECV_INITIAL_METADATA};
	grpc_metadata_array metadata;

	if (stream->opened)
		return;
	stream->opened = true;
	grpc_metadata_array_init(&metadata);
	op.data.recv_initial_metadata.recv_initial_metadata = &metadata;
	stream_run(stream, &op, 1);
	grpc_metadata_array_destroy(&metadata);
}

ProtobufCMessage *rpc_stream_receive(struct rpc_stream *stream,
				     const ProtobufCMessageDescriptor *type)
{
	grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
	grpc_byte_buffer *buffer = NULL;
	grpc_byte_buffer_reader reader;
	ProtobufCMessage *message;
	grpc_slice slice;

	rpc_stream_wait_open(stream);
	op.data.recv_message.recv_message = &buffer;
	stream_run(stream, &op, 1);
	if (!buffer)
		return NULL;
	grpc_byte_buffer_reader_init(&reader, buffer);
	slice = grpc_byte_buffer_reader_readall(&reader);
	grpc_byte_buffer_reader_destroy(&reader);
	grpc_byte_buffer_destroy(buffer);
	message = protobuf_c_message_unpack(type, NULL, GRPC_SLICE_LENGTH(slice),
					    GRPC_SLICE_START_PTR(slice));
	assert_non_null(message);
	grpc_slice_unref(slice);
	return message;
}

void rpc_stream_cancel(struct rpc_stream *stream)
{
	grpc_call_cancel(stream->call, NULL);
}

static void answer_read_detail(struct rpc_answer *answer, const Google__Protobuf__Any *any)
{
	const char *type = strrchr(any->type_url, '.') + 1;
	size_t size = any->value.len;
	const uint8_t *data = any->value.data;

	if (!strcmp(type, "ErrorInfo")) {
		Google__Rpc__ErrorInfo *info =
			google__rpc__error_info__unpack(NULL, size, data);

		snprintf(answer->reason, sizeof(answer->reason), "%s", info->reason);
		google__rpc__error_info__free_unpacked(info, NULL);
	} else if (!strcmp(type, "BadRequest")) {
		Google__Rpc__BadRequest *bad =
			google__rpc__bad_request__unpack(NULL, size, data);

		snprintf(answer->field, sizeof(answer->field), "%s",
			 bad->field_violations[0]->field);
		google__rpc__bad_request__free_unpacked(bad, NULL);
	} else if (!strcmp(type, "RetryInfo")) {
		Google__Rpc__RetryInfo *retry =
			google__rpc__retry_info__unpack(NULL, size, data);

		answer->retry_ms = (long)retry->retry_delay->seconds * 1000 +
				   retry->retry_delay->nanos / 1000000;
		google__rpc__retry_info__free_unpacked(retry, NULL);
	} else if (!strcmp(type, "QuotaFailure")) {
		answer->quota = true;
	}
}

/* The rich error repeats the plain one: that is part of every test. */
static void answer_read_details(struct rpc_answer *answer)
{
	Google__Rpc__Status *status =
		google__rpc__status__unpack(NULL, answer->details_size, answer->details);

	assert_non_null(status);
	assert_int_equal(status->code, answer->code);
	assert_string_equal(status->message, answer->message);
	for (size_t i = 0; i < status->n_details; i++)
		answer_read_detail(answer, status->details[i]);
	google__rpc__status__free_unpacked(status, NULL);
}

static void answer_read_trailer(struct rpc_answer *answer, const grpc_metadata *trailer)
{
	size_t size = GRPC_SLICE_LENGTH(trailer->value);
	char text[32] = "";

	if (!grpc_slice_str_cmp(trailer->key, "grpc-status-details-bin")) {
		assert_true(size < sizeof(answer->details));
		memcpy(answer->details, GRPC_SLICE_START_PTR(trailer->value), size);
		answer->details_size = size;
	} else if (!grpc_slice_str_cmp(trailer->key, "grpc-retry-pushback-ms")) {
		memcpy(text, GRPC_SLICE_START_PTR(trailer->value),
		       size < sizeof(text) ? size : sizeof(text) - 1);
		answer->pushback_ms = atol(text);
	}
}

static void stream_done(struct rpc_stream *stream)
{
	grpc_call_unref(stream->call);
	grpc_completion_queue_shutdown(stream->queue);
	while (grpc_completion_queue_next(stream->queue, gpr_inf_future(GPR_CLOCK_REALTIME),
					  NULL)
		       .type != GRPC_QUEUE_SHUTDOWN)
		;
	grpc_completion_queue_destroy(stream->queue);
}

void rpc_stream_finish(struct rpc_stream *stream, struct rpc_answer *answer)
{
	grpc_op op = {.op = GRPC_OP_RECV_STATUS_ON_CLIENT};
	grpc_metadata_array trailers;
	grpc_status_code code = GRPC_STATUS_UNKNOWN;
	grpc_slice details = grpc_empty_slice();
	char *text;

	rpc_stream_wait_open(stream);
	grpc_metadata_array_init(&trailers);
	op.data.recv_status_on_client.trailing_metadata = &trailers;
	op.data.recv_status_on_client.status = &code;
	op.data.recv_status_on_client.status_details = &details;
	stream_run(stream, &op, 1);
	*answer = (struct rpc_answer){.code = (int)code, .pushback_ms = -1};
	text = grpc_slice_to_c_string(details);
	snprintf(answer->message, sizeof(answer->message), "%s", text);
	gpr_free(text);
	for (size_t i = 0; i < trailers.count; i++)
		answer_read_trailer(answer, &trailers.metadata[i]);
	if (answer->details_size)
		answer_read_details(answer);
	grpc_slice_unref(details);
	grpc_metadata_array_destroy(&trailers);
	stream_done(stream);
}

ProtobufCMessage *rpc_call_bytes(grpc_channel *channel, const char *path, const void *bytes,
				 size_t size, const ProtobufCMessageDescriptor *response,
				 struct rpc_answer *answer)
{
	struct rpc_stream stream;
	ProtobufCMessage *message;

	rpc_stream_open(&stream, channel, path, RPC_CLIENT_DEADLINE_MS);
	if (rpc_stream_send_bytes(&stream, bytes, size))
		rpc_stream_half_close(&stream);
	message = rpc_stream_receive(&stream, response);
	rpc_stream_finish(&stream, answer);
	return message;
}

ProtobufCMessage *rpc_call_message(grpc_channel *channel, const char *path,
				   const ProtobufCMessage *request,
				   const ProtobufCMessageDescriptor *response,
				   struct rpc_answer *answer)
{
	size_t size = protobuf_c_message_get_packed_size(request);
	uint8_t *bytes = malloc(size + 1);
	ProtobufCMessage *message;

	protobuf_c_message_pack(request, bytes);
	message = rpc_call_bytes(channel, path, bytes, size, response, answer);
	free(bytes);
	return message;
}
