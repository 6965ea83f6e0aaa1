/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a server ends.
 */
#include "rpc_fixture.h"

#include <string.h>
#include <sys/stat.h>

#include "descriptor_set.h"
#include "rpc/limits.h"

#define NOT_SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING

struct drain {
	struct rpc_fixture *fixture;
	unsigned int grace_ms;
	pthread_t thread;
};

static void *drain_run(void *user)
{
	struct drain *drain = user;

	rpc_server_drain(drain->fixture->server, drain->grace_ms);
	return NULL;
}

static void drain_start(struct drain *drain, struct rpc_fixture *fixture, unsigned int grace_ms)
{
	*drain = (struct drain){.fixture = fixture, .grace_ms = grace_ms};
	assert_int_equal(pthread_create(&drain->thread, NULL, drain_run, drain), 0);
}

static void open_slow(struct rpc_fixture *fixture, struct rpc_stream *stream)
{
	TEXT_MESSAGE(request, "");
	rpc_stream_open(stream, fixture->unix_channel, "/test.Echo/Slow",
			RPC_CLIENT_DEADLINE_MS);
	rpc_stream_send(stream, &request.base);
	rpc_stream_half_close(stream);
}

static int receive_health(struct rpc_stream *stream)
{
	Grpc__Health__V1__HealthCheckResponse *health =
		(Grpc__Health__V1__HealthCheckResponse *)rpc_stream_receive(
			stream, &grpc__health__v1__health_check_response__descriptor);
	int status;

	assert_non_null(health);
	status = health->status;
	grpc__health__v1__health_check_response__free_unpacked(health, NULL);
	return status;
}

static void expect_unavailable(struct rpc_stream *stream)
{
	struct rpc_answer answer;

	assert_null(rpc_stream_receive(stream,
				       &grpc__health__v1__health_check_response__descriptor));
	rpc_stream_finish(stream, &answer);
	assert_int_equal(answer.code, GRPC_STATUS_UNAVAILABLE);
	assert_string_equal(answer.reason, "SHUTTING_DOWN");
	assert_int_equal(answer.pushback_ms, RPC_DRAIN_RETRY_MS);
	assert_int_equal(answer.retry_ms, RPC_DRAIN_RETRY_MS);
}

static void streams_end_and_unary_calls_finish(void **state)
{
	struct rpc_fixture *fixture = *state;
	struct rpc_stream slow, watch, chat, collect;
	ProtobufCMessage *response;
	struct rpc_answer answer;
	struct rpc_call *call;
	struct drain drain;

	TEXT_MESSAGE(text, "");
	open_slow(fixture, &slow);
	call = rpc_fixture_wait_slow(fixture);
	rpc_stream_open(&watch, fixture->unix_channel, "/grpc.health.v1.Health/Watch",
			RPC_CLIENT_DEADLINE_MS);
	rpc_stream_send(&watch, &text.base);
	receive_health(&watch);
	rpc_stream_open(&chat, fixture->unix_channel, "/test.Echo/Chat",
			RPC_CLIENT_DEADLINE_MS);
	rpc_stream_wait_open(&chat);
	rpc_stream_open(&collect, fixture->tcp_channel, "/test.Echo/Collect",
			RPC_CLIENT_DEADLINE_MS);
	rpc_stream_wait_open(&collect);

	drain_start(&drain, fixture, RPC_CLIENT_DEADLINE_MS);
	/* The watcher learns why before it ends. */
	assert_int_equal(receive_health(&watch), NOT_SERVING);
	expect_unavailable(&watch);
	expect_unavailable(&chat);
	expect_unavailable(&collect);
	assert_int_equal(rpc_fixture_read(fixture, &fixture->half_closed), 0);
	assert_false(rpc_call_cancelled(call));
	rpc_call_finish(call, NULL, &text.base);
	rpc_call_unref(call);
	response =
		rpc_stream_receive(&slow, &grpc__health__v1__health_check_request__descriptor);
	assert_non_null(response);
	protobuf_c_message_free_unpacked(response, NULL);
	rpc_stream_finish(&slow, &answer);
	assert_int_equal(answer.code, GRPC_STATUS_OK);
	pthread_join(drain.thread, NULL);
}

static void grace_ends(void **state)
{
	struct rpc_fixture *fixture = *state;
	struct rpc_stream slow;
	struct rpc_answer answer;
	struct rpc_call *call;
	struct drain drain;

	open_slow(fixture, &slow);
	call = rpc_fixture_wait_slow(fixture);
	drain_start(&drain, fixture, 50);
	/* Drain waits for the reference even after it has cancelled the call. */
	rpc_fixture_wait(fixture, &fixture->closed, 1);
	assert_true(rpc_call_cancelled(call));
	rpc_call_unref(call);
	pthread_join(drain.thread, NULL);
	rpc_stream_finish(&slow, &answer);
	assert_int_not_equal(answer.code, GRPC_STATUS_OK);
}

static void nobody_is_served_afterwards(void **state)
{
	struct rpc_fixture *fixture = *state;
	struct rpc_answer answer;
	struct stat status;

	TEXT_MESSAGE(text, "");
	rpc_server_drain(fixture->server, 0);
	assert_int_equal(stat(fixture->address + strlen("unix:"), &status), -1);
	assert_null(rpc_call_message(fixture->unix_channel, "/test.Echo/Slow", &text.base,
				     &grpc__health__v1__health_check_request__descriptor,
				     &answer));
	assert_int_equal(answer.code, GRPC_STATUS_UNAVAILABLE);
}

static void never_started(void **state)
{
	const struct rpc_options options = {
		.error_domain = "test",
		.descriptor_set = descriptor_set,
		.descriptor_set_size = descriptor_set_size(),
	};
	struct rpc_server *server;
	const char *error;

	(void)state;
	assert_int_equal(rpc_server_new(&options, &server), 0);
	assert_int_equal(rpc_server_listen(server, "127.0.0.1:0", NULL, true, &error), 0);
	rpc_server_free(server);
	rpc_server_free(NULL);
}

#define test(name) \
	cmocka_unit_test_setup_teardown(name, rpc_fixture_setup, rpc_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(streams_end_and_unary_calls_finish),
		test(grace_ends),
		test(nobody_is_served_afterwards),
		cmocka_unit_test(never_started),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
