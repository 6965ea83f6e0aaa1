/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unary calls against a real server, through the C core's own client.
 */
#include "rpc_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rpc/limits.h"

static const char unary[] = "/test.Echo/Unary";

static struct rpc_answer call_unary(grpc_channel *channel, const void *bytes, size_t size)
{
	struct rpc_answer answer;
	ProtobufCMessage *response =
		rpc_call_bytes(channel, unary, bytes, size,
			       &waymark__v1__set_mark_request__descriptor, &answer);

	if (response)
		protobuf_c_message_free_unpacked(response, NULL);
	return answer;
}

static void check_echo(grpc_channel *channel)
{
	Waymark__V1__SetMarkRequest request = WAYMARK__V1__SET_MARK_REQUEST__INIT;
	Waymark__V1__Mark mark = WAYMARK__V1__MARK__INIT;
	Waymark__V1__SetMarkRequest *response;
	struct rpc_answer answer;

	mark.cookie = (char *)"Gr\xC3\xBC\xC3\x9F";
	request.mark = &mark;
	response = (Waymark__V1__SetMarkRequest *)rpc_call_message(
		channel, unary, &request.base, &waymark__v1__set_mark_request__descriptor,
		&answer);
	assert_int_equal(answer.code, GRPC_STATUS_OK);
	assert_int_equal(answer.details_size, 0);
	assert_string_equal(response->mark->cookie, mark.cookie);
	waymark__v1__set_mark_request__free_unpacked(response, NULL);
}

static void unary_over_unix(void **state)
{
	struct rpc_fixture *fixture = *state;
	char identity[64];
	struct rpc_peer peer;

	check_echo(fixture->unix_channel);
	peer = rpc_fixture_peer(fixture);
	snprintf(identity, sizeof(identity), "unix:uid=%u", getuid());
	assert_int_equal(peer.transport, RPC_TRANSPORT_UNIX);
	assert_string_equal(peer.identity, identity);
	assert_int_equal(peer.uid, getuid());
	assert_int_equal(peer.gid, getgid());
	assert_int_equal(peer.pid, getpid());
}

static void unary_over_loopback(void **state)
{
	struct rpc_fixture *fixture = *state;
	struct rpc_peer peer;

	check_echo(fixture->tcp_channel);
	peer = rpc_fixture_peer(fixture);
	assert_int_equal(peer.transport, RPC_TRANSPORT_INSECURE);
	assert_string_equal(peer.identity, "insecure:loopback");
}

/* More calls than slots, one after the other: slots are armed again. */
static void slots_are_reused(void **state)
{
	struct rpc_fixture *fixture = *state;

	for (int i = 0; i < 3 * RPC_SLOTS; i++)
		assert_int_equal(call_unary(fixture->unix_channel, "", 0).code, GRPC_STATUS_OK);
	assert_int_equal(rpc_fixture_read(fixture, &fixture->unary), 3 * RPC_SLOTS);
}

static void unknown_method_is_refused_at_once(void **state)
{
	struct rpc_fixture *fixture = *state;
	struct rpc_answer answer;
	struct rpc_stream stream;

	for (int i = 0; i < 2 * RPC_SLOTS; i++) {
		rpc_stream_open(&stream, fixture->tcp_channel, "/test.Echo/Nothing",
				RPC_CLIENT_DEADLINE_MS);
		rpc_stream_finish(&stream, &answer);
		assert_int_equal(answer.code, GRPC_STATUS_UNIMPLEMENTED);
		assert_string_equal(answer.reason, "UNKNOWN_METHOD");
		assert_non_null(strstr(answer.message, "/test.Echo/Nothing"));
	}
}

/* By turns of both threads. */
static void calls_do_not_wait_for_long_ones(void **state)
{
	struct rpc_fixture *fixture = *state;
	TEXT_MESSAGE(request, "");

	for (unsigned int i = 1; i <= 20; i++) {
		Grpc__Health__V1__HealthCheckRequest *response;
		struct rpc_answer answer;
		struct rpc_stream stream;

		rpc_stream_open(&stream, fixture->unix_channel, "/test.Echo/Long",
				RPC_CLIENT_DEADLINE_MS);
		assert_true(rpc_stream_send(&stream, &request.base));
		rpc_stream_half_close(&stream);
		rpc_fixture_wait(fixture, &fixture->running, i);
		assert_int_equal(call_unary(fixture->tcp_channel, "", 0).code, GRPC_STATUS_OK);
		response = (Grpc__Health__V1__HealthCheckRequest *)rpc_stream_receive(
			&stream, &grpc__health__v1__health_check_request__descriptor);
		assert_non_null(response);
		assert_string_equal(response->service, "beside another");
		protobuf_c_message_free_unpacked(&response->base, NULL);
		rpc_stream_finish(&stream, &answer);
		assert_int_equal(answer.code, GRPC_STATUS_OK);
	}
}

static void admission_comes_before_the_request(void **state)
{
	struct rpc_fixture *fixture = *state;
	struct rpc_answer answer;

	fixture->refuse = true;
	answer = call_unary(fixture->unix_channel, "\xFF", 1);
	assert_int_equal(answer.code, GRPC_STATUS_PERMISSION_DENIED);
	assert_string_equal(answer.reason, "POLICY");
	assert_string_equal(answer.message, "no /test.Echo/Unary for you");
	assert_int_equal(rpc_fixture_read(fixture, &fixture->unary), 0);
}

static void bad_requests_are_refused_with_their_field(void **state)
{
	static const struct {
		const char *bytes, *reason, *field;
		size_t size;
	} cases[] = {
		/* mark.match, field 99 */
		{"\x0A\x05\x0A\x03\x98\x06\x01", "UNKNOWN_FIELD", "mark.match.99", 7},
		/* mark.match.protocol = 7 */
		{"\x0A\x04\x0A\x02\x18\x07", "UNKNOWN_FIELD", "mark.match.protocol", 6},
		/* mark.cookie = "\xFF" */
		{"\x0A\x03\x3A\x01\xFF", "INVALID_TEXT", "mark.cookie", 5},
		/* mark.cookie = "\0" */
		{"\x0A\x03\x3A\x01\x00", "INVALID_TEXT", "mark.cookie", 5},
		{"\xFF\xFF\xFF", "MALFORMED", "", 3},
	};
	struct rpc_fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct rpc_answer answer =
			call_unary(fixture->unix_channel, cases[i].bytes, cases[i].size);

		assert_int_equal(answer.code, GRPC_STATUS_INVALID_ARGUMENT);
		assert_string_equal(answer.reason, cases[i].reason);
		assert_string_equal(answer.field, cases[i].field);
	}
	assert_int_equal(rpc_fixture_read(fixture, &fixture->unary), 0);
}

static void missing_request_is_refused(void **state)
{
	struct rpc_fixture *fixture = *state;
	struct rpc_answer answer;
	struct rpc_stream stream;

	rpc_stream_open(&stream, fixture->unix_channel, unary, RPC_CLIENT_DEADLINE_MS);
	rpc_stream_half_close(&stream);
	rpc_stream_finish(&stream, &answer);
	assert_int_equal(answer.code, GRPC_STATUS_INVALID_ARGUMENT);
	assert_string_equal(answer.reason, "MALFORMED");
}

/* The C core refuses it, without details. */
static void oversized_request_is_refused(void **state)
{
	struct rpc_fixture *fixture = *state;
	uint8_t *bytes = calloc(1, RPC_MESSAGE_MAX + 1);
	struct rpc_answer answer;

	answer = call_unary(fixture->unix_channel, bytes, RPC_MESSAGE_MAX + 1);
	assert_int_equal(answer.code, GRPC_STATUS_RESOURCE_EXHAUSTED);
	/* One octet less is a matter of its content. */
	answer = call_unary(fixture->unix_channel, bytes, RPC_MESSAGE_MAX);
	assert_int_equal(answer.code, GRPC_STATUS_INVALID_ARGUMENT);
	assert_int_equal(rpc_fixture_read(fixture, &fixture->unary), 0);
	free(bytes);
}

/* Empty unknown fields are two octets each and cost protobuf-c many times that. Health takes
 * them, up to the arena's cap; the others refuse the first. */
static void amplifying_request_is_refused(void **state)
{
	struct rpc_fixture *fixture = *state;
	const size_t size = 1024 * 1024;
	uint8_t *bytes = malloc(size);
	struct rpc_answer answer;

	for (size_t i = 0; i < size; i += 2)
		memcpy(bytes + i, "\x7A\x00", 2);
	assert_null(rpc_call_bytes(fixture->unix_channel, "/grpc.health.v1.Health/Check", bytes,
				   size, &grpc__health__v1__health_check_response__descriptor,
				   &answer));
	assert_int_equal(answer.code, GRPC_STATUS_RESOURCE_EXHAUSTED);
	assert_string_equal(answer.reason, "REQUEST_TOO_COMPLEX");
	answer = call_unary(fixture->unix_channel, bytes, size);
	assert_int_equal(answer.code, GRPC_STATUS_INVALID_ARGUMENT);
	assert_string_equal(answer.reason, "UNKNOWN_FIELD");
	free(bytes);
}

static void cancellation_reaches_the_handler(void **state)
{
	struct rpc_fixture *fixture = *state;
	struct rpc_answer answer;
	struct rpc_stream stream;
	struct rpc_call *call;

	TEXT_MESSAGE(request, "");
	rpc_stream_open(&stream, fixture->unix_channel, "/test.Echo/Slow",
			RPC_CLIENT_DEADLINE_MS);
	rpc_stream_send(&stream, &request.base);
	rpc_stream_half_close(&stream);
	call = rpc_fixture_wait_slow(fixture);
	assert_false(rpc_call_cancelled(call));
	rpc_stream_cancel(&stream);
	rpc_fixture_wait(fixture, &fixture->closed, 1);
	assert_true(rpc_call_cancelled(call));
	/* Harmless, and once more. */
	rpc_call_finish(call, NULL, &request.base);
	rpc_call_finish(call, NULL, &request.base);
	rpc_call_unref(call);
	rpc_stream_finish(&stream, &answer);
	assert_int_equal(answer.code, GRPC_STATUS_CANCELLED);
}

static void deadline_reaches_the_handler(void **state)
{
	struct rpc_fixture *fixture = *state;
	struct rpc_answer answer;
	struct rpc_stream stream;
	struct rpc_call *call;

	TEXT_MESSAGE(request, "");
	rpc_stream_open(&stream, fixture->unix_channel, "/test.Echo/Slow", 300);
	rpc_stream_send(&stream, &request.base);
	call = rpc_fixture_wait_slow(fixture);
	rpc_fixture_wait(fixture, &fixture->closed, 1);
	assert_true(rpc_call_cancelled(call));
	rpc_call_finish(call, NULL, &request.base);
	rpc_call_unref(call);
	rpc_stream_finish(&stream, &answer);
	assert_int_equal(answer.code, GRPC_STATUS_DEADLINE_EXCEEDED);
}

/* As the engine does it: kept beyond the handler's return, finished by another thread. */
static void another_thread_finishes_the_call(void **state)
{
	struct rpc_fixture *fixture = *state;
	struct rpc_status status = {.retry_after_ms = 1500, .quota_subject = "marks"};
	struct rpc_answer answer;
	struct rpc_stream stream;
	struct rpc_call *call;

	TEXT_MESSAGE(request, "");
	rpc_stream_open(&stream, fixture->unix_channel, "/test.Echo/Slow",
			RPC_CLIENT_DEADLINE_MS);
	rpc_stream_send(&stream, &request.base);
	call = rpc_fixture_wait_slow(fixture);
	rpc_status_set(&status, GRPC_STATUS_RESOURCE_EXHAUSTED, "TABLE_FULL", "%s",
		       "full \xE2\x82\xAC");
	rpc_call_finish(call, &status, NULL);
	rpc_call_unref(call);
	rpc_stream_finish(&stream, &answer);
	assert_int_equal(answer.code, GRPC_STATUS_RESOURCE_EXHAUSTED);
	assert_string_equal(answer.message, "full \xE2\x82\xAC");
	assert_string_equal(answer.reason, "TABLE_FULL");
	assert_true(answer.quota);
	assert_int_equal(answer.retry_ms, 1500);
	assert_int_equal(answer.pushback_ms, 1500);
	rpc_fixture_wait(fixture, &fixture->closed, 1);
}

#define test(name) \
	cmocka_unit_test_setup_teardown(name, rpc_fixture_setup, rpc_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(unary_over_unix),
		test(unary_over_loopback),
		test(slots_are_reused),
		test(unknown_method_is_refused_at_once),
		test(calls_do_not_wait_for_long_ones),
		test(admission_comes_before_the_request),
		test(bad_requests_are_refused_with_their_field),
		test(missing_request_is_refused),
		test(oversized_request_is_refused),
		test(amplifying_request_is_refused),
		test(cancellation_reaches_the_handler),
		test(deadline_reaches_the_handler),
		test(another_thread_finishes_the_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
