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

struct fake_agent {
	fake_handler *handler;
	void *user;
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

static void send_answer(struct fake_agent *agent, grpc_call *call, struct fake_answer *answer)
{
	int cancelled;
	grpc_slice body = grpc_slice_from_copied_buffer((const char *)answer->response,
							answer->response_length);
	grpc_byte_buffer *message = grpc_raw_byte_buffer_create(&body, 1);
	grpc_slice text = grpc_slice_from_copied_string(answer->message ? answer->message : "");
	grpc_metadata trailer = {
		.key = grpc_slice_from_static_string("grpc-status-details-bin"),
		.value = grpc_slice_from_copied_buffer((const char *)answer->details,
						       answer->details_length),
	};
	grpc_op operations[4] = {
		{.op = GRPC_OP_RECV_CLOSE_ON_SERVER,
		 .data.recv_close_on_server.cancelled = &cancelled},
		{.op = GRPC_OP_SEND_INITIAL_METADATA},
		{.op = GRPC_OP_SEND_STATUS_FROM_SERVER,
		 .data.send_status_from_server = {.status = (grpc_status_code)answer->code,
						  .status_details = &text,
						  .trailing_metadata = &trailer,
						  .trailing_metadata_count =
							  answer->details_length ? 1 : 0}},
		{.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = message},
	};
	bool with_message = !answer->code && !answer->silent;

	run(agent, call, operations, answer->hang ? 1 : 3 + (with_message ? 1 : 0));
	grpc_byte_buffer_destroy(message);
	grpc_slice_unref(body);
	grpc_slice_unref(text);
	grpc_slice_unref(trailer.value);
}

static void serve(struct fake_agent *agent, grpc_call *call, const grpc_call_details *details)
{
	struct fake_answer *answer = calloc(1, sizeof(*answer));
	char *path = grpc_slice_to_c_string(details->method);
	grpc_byte_buffer *message = NULL;
	grpc_byte_buffer_reader reader;
	grpc_slice request;

	run(agent, call,
	    &(grpc_op){.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &message},
	    1);
	if (!answer || !message || !grpc_byte_buffer_reader_init(&reader, message))
		abort();
	request = grpc_byte_buffer_reader_readall(&reader);
	agent->handler(path, GRPC_SLICE_START_PTR(request), GRPC_SLICE_LENGTH(request), answer,
		       agent->user);
	send_answer(agent, call, answer);
	grpc_slice_unref(request);
	grpc_byte_buffer_reader_destroy(&reader);
	grpc_byte_buffer_destroy(message);
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

struct fake_agent *fake_agent_new(fake_handler *handler, void *user)
{
	struct fake_agent *agent = calloc(1, sizeof(*agent));
	grpc_server_credentials *credentials;

	assert_non_null(agent);
	agent->handler = handler;
	agent->user = user;
	(void)snprintf(agent->directory, sizeof(agent->directory), "/tmp/fake_agent.XXXXXX");
	assert_non_null(mkdtemp(agent->directory));
	(void)snprintf(agent->target, sizeof(agent->target), "unix:%s/socket",
		       agent->directory);
	grpc_init();
	agent->server = grpc_server_create(NULL, NULL);
	agent->queue = grpc_completion_queue_create_for_next(NULL);
	grpc_server_register_completion_queue(agent->server, agent->queue, NULL);
	credentials = grpc_insecure_server_credentials_create();
	assert_int_not_equal(
		grpc_server_add_http2_port(agent->server, agent->target, credentials), 0);
	grpc_server_credentials_release(credentials);
	grpc_server_start(agent->server);
	assert_int_equal(pthread_create(&agent->thread, NULL, agent_thread, agent), 0);
	return agent;
}

void fake_agent_free(struct fake_agent *agent)
{
	grpc_server_shutdown_and_notify(agent->server, agent->queue, &shutdown_tag);
	grpc_server_cancel_all_calls(agent->server);
	assert_int_equal(pthread_join(agent->thread, NULL), 0);
	grpc_completion_queue_shutdown(agent->queue);
	while (next(agent).type != GRPC_QUEUE_SHUTDOWN)
		;
	grpc_server_destroy(agent->server);
	grpc_completion_queue_destroy(agent->queue);
	grpc_shutdown();
	(void)unlink(agent->target + strlen("unix:"));
	(void)rmdir(agent->directory);
	free(agent);
}

const char *fake_agent_target(const struct fake_agent *agent)
{
	return agent->target;
}

void fake_answer_message(struct fake_answer *answer, const ProtobufCMessage *message)
{
	size_t length = protobuf_c_message_get_packed_size(message);

	if (length > sizeof(answer->response))
		abort();
	answer->response_length = protobuf_c_message_pack(message, answer->response);
}
