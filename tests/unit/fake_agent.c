/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_agent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <grpc/support/alloc.h>
#include <grpc/support/time.h>

#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"

struct fake_agent {
	fake_handler *handler;
	void *user;
	pthread_mutex_t lock; /* held while the handler runs */
	char directory[64];
	char target[128];
	grpc_server *server;
	grpc_completion_queue *queue;
	pthread_t thread;
};

/* Tags that are no addresses. */
static char accept_tag, batch_tag, shutdown_tag;

static grpc_event next(struct fake_agent *agent)
{
	return grpc_completion_queue_next(agent->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC),
					  NULL);
}

/* Starts the operations and waits for them; no other event is due meanwhile but a shutdown,
 * which the caller's caller sees as well. */
static void run(struct fake_agent *agent, grpc_call *call, const grpc_op *operations,
		size_t count)
{
	if (grpc_call_start_batch(call, operations, count, &batch_tag, NULL) != GRPC_CALL_OK)
		abort();
	while (next(agent).tag != &batch_tag)
		;
}

static void send_message(struct fake_agent *agent, grpc_call *call, const uint8_t *bytes,
			 size_t length)
{
	grpc_slice body = grpc_slice_from_copied_buffer((const char *)bytes, length);
	grpc_byte_buffer *message = grpc_raw_byte_buffer_create(&body, 1);

	run(agent, call,
	    &(grpc_op){.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = message},
	    1);
	grpc_byte_buffer_destroy(message);
	grpc_slice_unref(body);
}

static size_t answer_trailers(const struct fake_answer *answer, grpc_metadata ret[static 2])
{
	size_t count = 0;

	if (answer->details_length)
		ret[count++] = (grpc_metadata){
			.key = grpc_slice_from_static_string("grpc-status-details-bin"),
			.value = grpc_slice_from_copied_buffer((const char *)answer->details,
							       answer->details_length),
		};
	if (answer->pushback)
		ret[count++] = (grpc_metadata){
			.key = grpc_slice_from_static_string("grpc-retry-pushback-ms"),
			.value = grpc_slice_from_copied_string(answer->pushback),
		};
	return count;
}

/* Sends the status, unless the answer is to hang, and waits for the end of the call. */
static void send_status(struct fake_agent *agent, grpc_call *call, struct fake_answer *answer)
{
	int cancelled;
	grpc_metadata trailers[2];
	size_t count = answer_trailers(answer, trailers);
	grpc_slice text = grpc_slice_from_copied_string(answer->message ? answer->message : "");
	const grpc_op operations[] = {
		{.op = GRPC_OP_RECV_CLOSE_ON_SERVER,
		 .data.recv_close_on_server.cancelled = &cancelled},
		{.op = GRPC_OP_SEND_STATUS_FROM_SERVER,
		 .data.send_status_from_server = {.status = (grpc_status_code)answer->code,
						  .status_details = &text,
						  .trailing_metadata = trailers,
						  .trailing_metadata_count = count}},
	};

	run(agent, call, operations, answer->hang ? 1 : 2);
	for (size_t i = 0; i < count; i++)
		grpc_slice_unref(trailers[i].value);
	grpc_slice_unref(text);
}

static void send_answer(struct fake_agent *agent, grpc_call *call, struct fake_answer *answer)
{
	const uint8_t *bytes = answer->bytes;

	run(agent, call, &(grpc_op){.op = GRPC_OP_SEND_INITIAL_METADATA}, 1);
	for (size_t i = 0; i < answer->count && !answer->silent; bytes += answer->lengths[i++])
		send_message(agent, call, bytes, answer->lengths[i]);
	if (!answer->count && !answer->code && !answer->silent && !answer->hang)
		send_message(agent, call, bytes, 0);
	send_status(agent, call, answer);
}

/* Hands the next request to the handler. False: it was the last one. */
static bool read_request(struct fake_agent *agent, grpc_call *call, const char *path,
			 struct fake_answer *answer)
{
	grpc_byte_buffer *message = NULL;
	grpc_byte_buffer_reader reader;
	grpc_slice request = grpc_empty_slice();
	bool last;

	run(agent, call,
	    &(grpc_op){.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &message},
	    1);
	last = !message;
	if (message && grpc_byte_buffer_reader_init(&reader, message)) {
		request = grpc_byte_buffer_reader_readall(&reader);
		grpc_byte_buffer_reader_destroy(&reader);
	}
	answer->read_on = false;
	pthread_mutex_lock(&agent->lock);
	agent->handler(path, last ? NULL : GRPC_SLICE_START_PTR(request),
		       GRPC_SLICE_LENGTH(request), answer, agent->user);
	pthread_mutex_unlock(&agent->lock);
	grpc_slice_unref(request);
	grpc_byte_buffer_destroy(message);
	return answer->read_on && !last;
}

static void serve(struct fake_agent *agent, grpc_call *call, const grpc_call_details *details)
{
	struct fake_answer *answer = calloc(1, sizeof(*answer));
	char *path = grpc_slice_to_c_string(details->method);

	if (!answer)
		abort();
	while (read_request(agent, call, path, answer))
		;
	send_answer(agent, call, answer);
	gpr_free(path);
	free(answer);
}

static void *agent_thread(void *pointer)
{
	struct fake_agent *agent = pointer;

	for (bool running = true; running;) {
		grpc_call_details details;
		grpc_metadata_array metadata;
		grpc_call *call = NULL;

		grpc_call_details_init(&details);
		grpc_metadata_array_init(&metadata);
		if (grpc_server_request_call(agent->server, &call, &details, &metadata,
					     agent->queue, agent->queue,
					     &accept_tag) != GRPC_CALL_OK)
			abort();
		while (next(agent).tag != &accept_tag)
			;
		running = call != NULL;
		if (running) {
			serve(agent, call, &details);
			grpc_call_unref(call);
		}
		grpc_call_details_destroy(&details);
		grpc_metadata_array_destroy(&metadata);
	}
	return NULL;
}

void fake_agent_start(struct fake_agent *agent)
{
	grpc_server_credentials *credentials = grpc_insecure_server_credentials_create();

	agent->server = grpc_server_create(NULL, NULL);
	agent->queue = grpc_completion_queue_create_for_next(NULL);
	grpc_server_register_completion_queue(agent->server, agent->queue, NULL);
	assert_int_not_equal(
		grpc_server_add_http2_port(agent->server, agent->target, credentials), 0);
	grpc_server_credentials_release(credentials);
	grpc_server_start(agent->server);
	assert_int_equal(pthread_create(&agent->thread, NULL, agent_thread, agent), 0);
}

void fake_agent_stop(struct fake_agent *agent)
{
	grpc_server_shutdown_and_notify(agent->server, agent->queue, &shutdown_tag);
	grpc_server_cancel_all_calls(agent->server);
	assert_int_equal(pthread_join(agent->thread, NULL), 0);
	grpc_completion_queue_shutdown(agent->queue);
	while (next(agent).type != GRPC_QUEUE_SHUTDOWN)
		;
	grpc_server_destroy(agent->server);
	grpc_completion_queue_destroy(agent->queue);
	agent->server = NULL;
	(void)unlink(agent->target + strlen("unix:"));
}

struct fake_agent *fake_agent_new(fake_handler *handler, void *user)
{
	struct fake_agent *agent = calloc(1, sizeof(*agent));

	assert_non_null(agent);
	agent->handler = handler;
	agent->user = user;
	pthread_mutex_init(&agent->lock, NULL);
	(void)snprintf(agent->directory, sizeof(agent->directory), "/tmp/fake_agent.XXXXXX");
	assert_non_null(mkdtemp(agent->directory));
	(void)snprintf(agent->target, sizeof(agent->target), "unix:%s/socket",
		       agent->directory);
	grpc_init();
	fake_agent_start(agent);
	return agent;
}

void fake_agent_free(struct fake_agent *agent)
{
	if (agent->server)
		fake_agent_stop(agent);
	grpc_shutdown();
	(void)rmdir(agent->directory);
	pthread_mutex_destroy(&agent->lock);
	free(agent);
}

void fake_agent_sync(struct fake_agent *agent)
{
	pthread_mutex_lock(&agent->lock);
	pthread_mutex_unlock(&agent->lock);
}

const char *fake_agent_target(const struct fake_agent *agent)
{
	return agent->target;
}

void fake_answer_reason(struct fake_answer *answer, const char *reason)
{
	Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	Google__Protobuf__Any *anys[] = {&any};
	Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;
	uint8_t packed[256];

	info.reason = (char *)reason;
	if (google__rpc__error_info__get_packed_size(&info) > sizeof(packed))
		abort();
	any.type_url = (char *)"type.googleapis.com/google.rpc.ErrorInfo";
	any.value.data = packed;
	any.value.len = google__rpc__error_info__pack(&info, packed);
	status.n_details = 1;
	status.details = anys;
	answer->details_length = google__rpc__status__pack(&status, answer->details);
}

void fake_answer_message(struct fake_answer *answer, const ProtobufCMessage *message)
{
	size_t used = 0;

	for (size_t i = 0; i < answer->count; i++)
		used += answer->lengths[i];
	if (answer->count == FAKE_MESSAGES_MAX ||
	    used + protobuf_c_message_get_packed_size(message) > sizeof(answer->bytes))
		abort();
	answer->lengths[answer->count++] =
		protobuf_c_message_pack(message, answer->bytes + used);
}
