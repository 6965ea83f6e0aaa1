/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of every kind, and the two services that are streams: health and reflection.
 */
#include "rpc_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grpc/reflection/v1/reflection.pb-c.h"
#include "grpc/reflection/v1alpha/reflection.pb-c.h"
#include "now.h"
#include "rpc/limits.h"

typedef Grpc__Health__V1__HealthCheckRequest Text;
typedef Grpc__Health__V1__HealthCheckResponse Health;
typedef Grpc__Reflection__V1__ServerReflectionRequest Question;
typedef Grpc__Reflection__V1__ServerReflectionResponse Answer;

#define SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
#define NOT_SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING
#define SERVICE_UNKNOWN GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN
#define ASKS(what) GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##what
#define ANSWERS(what) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##what

static void expect_text(struct rpc_stream *stream, const char *expected)
{
	Text *text = (Text *)rpc_stream_receive(
		stream, &grpc__health__v1__health_check_request__descriptor);

	assert_non_null(text);
	assert_string_equal(text->service, expected);
	grpc__health__v1__health_check_request__free_unpacked(text, NULL);
}

static void expect_end(struct rpc_stream *stream, int code)
{
	struct rpc_answer answer;

	assert_null(rpc_stream_receive(stream,
				       &grpc__health__v1__health_check_request__descriptor));
	rpc_stream_finish(stream, &answer);
	assert_int_equal(answer.code, code);
}

static void server_stream_sends_in_order(void **state)
{
	struct rpc_fixture *fixture = *state;
	struct rpc_stream stream;

	TEXT_MESSAGE(request, "200");
	rpc_stream_open(&stream, fixture->unix_channel, "/test.Echo/Count",
			RPC_CLIENT_DEADLINE_MS);
	rpc_stream_send(&stream, &request.base);
	rpc_stream_half_close(&stream);
	for (int left = 200; left; left--) {
		char text[8];

		snprintf(text, sizeof(text), "%d", left);
		expect_text(&stream, text);
	}
	expect_end(&stream, GRPC_STATUS_OK);
	rpc_fixture_wait(fixture, &fixture->closed, 1);
}

static struct rpc_call *hold(struct rpc_fixture *fixture, struct rpc_stream *stream)
{
	TEXT_MESSAGE(request, "");
	rpc_stream_open(stream, fixture->unix_channel, "/test.Echo/Hold",
			RPC_CLIENT_DEADLINE_MS);
	rpc_stream_send(stream, &request.base);
	rpc_stream_half_close(stream);
	return rpc_fixture_wait_slow(fixture);
}

/* One packed message, on several streams, freed while it is still on its way. */
static void packed_message_goes_to_many(void **state)
{
	struct rpc_fixture *fixture = *state;
	struct rpc_stream streams[3];
	struct rpc_call *calls[3];
	struct rpc_packed *packed;
	uint8_t *bytes;

	TEXT_MESSAGE(text, "the same for all");
	bytes = malloc(protobuf_c_message_get_packed_size(&text.base));
	packed = rpc_packed_new(bytes, protobuf_c_message_pack(&text.base, bytes));
	for (int i = 0; i < 3; i++) {
		calls[i] = hold(fixture, &streams[i]);
		assert_int_equal(rpc_call_send_packed(calls[i], packed), 0);
	}
	rpc_packed_free(packed);
	for (int i = 0; i < 3; i++) {
		expect_text(&streams[i], "the same for all");
		rpc_call_finish(calls[i], NULL, NULL);
		rpc_call_unref(calls[i]);
		expect_end(&streams[i], GRPC_STATUS_OK);
	}
	rpc_fixture_wait(fixture, &fixture->closed, 3);
}

/* A client that takes nothing learns why it was left; a finish would wait for it for ever. */
static void aborted_stream_does_not_wait_for_its_reader(void **state)
{
	struct rpc_fixture *fixture = *state;
	struct rpc_status status = {.code = 0};
	struct rpc_answer answer;
	struct rpc_stream stream;
	struct rpc_call *call;
	size_t size = 16U << 20;
	char *large = malloc(size);

	memset(large, 'x', size - 1);
	large[size - 1] = '\0';
	TEXT_MESSAGE(text, large);
	call = hold(fixture, &stream);
	assert_int_equal(rpc_call_send(call, &text.base), 0);
	assert_int_equal(rpc_call_send(call, &text.base), -EAGAIN);
	rpc_status_set(&status, GRPC_STATUS_RESOURCE_EXHAUSTED, "SLOW", "SLOW: takes nothing");
	rpc_call_abort(call, &status);
	assert_int_equal(rpc_call_send(call, &text.base), -EPIPE);
	rpc_fixture_wait(fixture, &fixture->closed, 1);
	assert_null(rpc_stream_receive(&stream,
				       &grpc__health__v1__health_check_request__descriptor));
	rpc_stream_finish(&stream, &answer);
	assert_int_equal(answer.code, GRPC_STATUS_RESOURCE_EXHAUSTED);
	assert_string_equal(answer.message, "SLOW: takes nothing");
	rpc_call_unref(call);
	free(large);
}

/* Without a message on its way it is an end like any other. */
static void aborted_stream_has_details(void **state)
{
	struct rpc_fixture *fixture = *state;
	struct rpc_status status = {.code = 0};
	struct rpc_answer answer;
	struct rpc_stream stream;
	struct rpc_call *call = hold(fixture, &stream);

	rpc_status_set(&status, GRPC_STATUS_RESOURCE_EXHAUSTED, "SLOW", "SLOW: takes nothing");
	rpc_call_abort(call, &status);
	rpc_call_abort(call, &status);
	rpc_stream_finish(&stream, &answer);
	assert_int_equal(answer.code, GRPC_STATUS_RESOURCE_EXHAUSTED);
	assert_string_equal(answer.reason, "SLOW");
	rpc_call_unref(call);
	rpc_fixture_wait(fixture, &fixture->closed, 1);
}

static void client_stream_counts(void **state)
{
	struct rpc_fixture *fixture = *state;
	struct rpc_stream stream;

	TEXT_MESSAGE(request, "x");
	rpc_stream_open(&stream, fixture->unix_channel, "/test.Echo/Collect",
			RPC_CLIENT_DEADLINE_MS);
	/* The stream is seen open before anything was sent. */
	rpc_stream_wait_open(&stream);
	for (int i = 0; i < 300; i++)
		assert_true(rpc_stream_send(&stream, &request.base));
	rpc_stream_half_close(&stream);
	expect_text(&stream, "300");
	expect_end(&stream, GRPC_STATUS_OK);
	rpc_fixture_wait(fixture, &fixture->closed, 1);
	assert_int_equal(rpc_fixture_read(fixture, &fixture->half_closed), 1);
}

/* A client that vanishes in the middle must never look like one that has said everything. */
static void cancelled_client_stream_is_not_half_closed(void **state)
{
	struct rpc_fixture *fixture = *state;
	struct rpc_answer answer;

	TEXT_MESSAGE(request, "x");
	for (unsigned int i = 1; i <= 200; i++) {
		struct rpc_stream stream;

		rpc_stream_open(&stream, fixture->unix_channel, "/test.Echo/Collect",
				RPC_CLIENT_DEADLINE_MS);
		rpc_stream_wait_open(&stream);
		rpc_stream_send(&stream, &request.base);
		rpc_stream_cancel(&stream);
		rpc_stream_finish(&stream, &answer);
		assert_int_equal(answer.code, GRPC_STATUS_CANCELLED);
		rpc_fixture_wait(fixture, &fixture->closed, i);
	}
	assert_int_equal(rpc_fixture_read(fixture, &fixture->half_closed), 0);
}

static void lost_connection_is_not_half_close(void **state)
{
	struct rpc_fixture *fixture = *state;
	grpc_channel *channel;
	struct rpc_answer answer;

	TEXT_MESSAGE(request, "x");
	for (unsigned int i = 1; i <= 50; i++) {
		struct rpc_stream stream;

		channel = rpc_client_new(fixture->address, NULL);
		rpc_stream_open(&stream, channel, "/test.Echo/Collect", RPC_CLIENT_DEADLINE_MS);
		rpc_stream_wait_open(&stream);
		rpc_stream_send(&stream, &request.base);
		/* Its calls go with it. */
		grpc_channel_destroy(channel);
		rpc_stream_cancel(&stream);
		rpc_stream_finish(&stream, &answer);
		rpc_fixture_wait(fixture, &fixture->closed, i);
	}
	assert_int_equal(rpc_fixture_read(fixture, &fixture->half_closed), 0);
}

static long long now_ms(void)
{
	return now_on(CLOCK_MONOTONIC) / 1000000;
}

static void silent_client_stream_ends(void **state)
{
	struct rpc_fixture *fixture = *state;
	struct rpc_answer answer;
	struct rpc_stream stream;
	long long sent;

	TEXT_MESSAGE(request, "x");
	for (unsigned int messages = 0; messages < 3; messages++) {
		rpc_stream_open(&stream, fixture->unix_channel, "/test.Echo/Brief",
				RPC_CLIENT_DEADLINE_MS);
		rpc_stream_wait_open(&stream);
		sent = now_ms();
		for (unsigned int i = 0; i < messages; i++)
			rpc_stream_send(&stream, &request.base);
		rpc_stream_finish(&stream, &answer);
		assert_int_equal(answer.code, GRPC_STATUS_ABORTED);
		assert_string_equal(answer.reason, "IDLE");
		assert_in_range(now_ms() - sent, messages ? RPC_FIXTURE_IDLE_MS : 0, 10000);
		rpc_fixture_wait(fixture, &fixture->closed, messages + 1);
	}
	assert_int_equal(rpc_fixture_read(fixture, &fixture->half_closed), 0);
}

/* The limit is on silence, not on the length of the stream. */
static void talking_client_stream_goes_on(void **state)
{
	struct rpc_fixture *fixture = *state;
	struct rpc_stream stream;
	long long end = now_ms() + 2 * RPC_FIXTURE_IDLE_MS;
	unsigned int count = 0;
	char text[16];

	TEXT_MESSAGE(request, "x");
	rpc_stream_open(&stream, fixture->unix_channel, "/test.Echo/Brief",
			RPC_CLIENT_DEADLINE_MS);
	for (; now_ms() < end; count++)
		assert_true(rpc_stream_send(&stream, &request.base));
	rpc_stream_half_close(&stream);
	snprintf(text, sizeof(text), "%u", count);
	expect_text(&stream, text);
	expect_end(&stream, GRPC_STATUS_OK);
}

static void bad_message_ends_the_client_stream(void **state)
{
	struct rpc_fixture *fixture = *state;
	struct rpc_answer answer;
	struct rpc_stream stream;

	TEXT_MESSAGE(request, "x");
	rpc_stream_open(&stream, fixture->unix_channel, "/test.Echo/Collect",
			RPC_CLIENT_DEADLINE_MS);
	rpc_stream_send(&stream, &request.base);
	rpc_stream_send_bytes(&stream, "\x0A\x01\xFF", 3);
	rpc_stream_finish(&stream, &answer);
	assert_int_equal(answer.code, GRPC_STATUS_INVALID_ARGUMENT);
	assert_string_equal(answer.reason, "INVALID_TEXT");
	assert_string_equal(answer.field, "service");
	rpc_fixture_wait(fixture, &fixture->closed, 1);
	assert_int_equal(rpc_fixture_read(fixture, &fixture->half_closed), 0);
}

/* The client asks on and on before it reads: the server holds one question, not all. */
static void bidi_stream_waits_for_its_reader(void **state)
{
	struct rpc_fixture *fixture = *state;
	struct rpc_stream stream;

	TEXT_MESSAGE(request, "ping");
	rpc_stream_open(&stream, fixture->unix_channel, "/test.Echo/Chat",
			RPC_CLIENT_DEADLINE_MS);
	for (int i = 0; i < 500; i++)
		assert_true(rpc_stream_send(&stream, &request.base));
	rpc_stream_half_close(&stream);
	for (int i = 0; i < 500; i++)
		expect_text(&stream, "ping");
	expect_end(&stream, GRPC_STATUS_OK);
}

static void admission_holds_for_streams(void **state)
{
	struct rpc_fixture *fixture = *state;
	struct rpc_stream stream;

	fixture->refuse = true;
	rpc_stream_open(&stream, fixture->unix_channel, "/test.Echo/Chat",
			RPC_CLIENT_DEADLINE_MS);
	expect_end(&stream, GRPC_STATUS_PERMISSION_DENIED);
	assert_int_equal(rpc_fixture_read(fixture, &fixture->closed), 0);
}

static int health_check(struct rpc_fixture *fixture, const char *service,
			struct rpc_answer *answer)
{
	Health *health;
	int status = -1;

	TEXT_MESSAGE(request, service);
	health = (Health *)rpc_call_message(
		fixture->unix_channel, "/grpc.health.v1.Health/Check", &request.base,
		&grpc__health__v1__health_check_response__descriptor, answer);
	if (health) {
		status = health->status;
		grpc__health__v1__health_check_response__free_unpacked(health, NULL);
	}
	return status;
}

static void health_answers_everybody(void **state)
{
	struct rpc_fixture *fixture = *state;
	struct rpc_answer answer;

	fixture->refuse = true;
	assert_int_equal(health_check(fixture, "", &answer), SERVING);
	assert_int_equal(health_check(fixture, "test.Echo", &answer), SERVING);
	assert_int_equal(health_check(fixture, "grpc.health.v1.Health", &answer), SERVING);
	assert_int_equal(health_check(fixture, "test.Other", &answer), -1);
	assert_int_equal(answer.code, GRPC_STATUS_NOT_FOUND);
	rpc_server_set_serving(fixture->server, false);
	assert_int_equal(health_check(fixture, "test.Echo", &answer), NOT_SERVING);
}

static void health_open(struct rpc_fixture *fixture, struct rpc_stream *stream,
			const char *service)
{
	TEXT_MESSAGE(request, service);
	rpc_stream_open(stream, fixture->unix_channel, "/grpc.health.v1.Health/Watch",
			RPC_CLIENT_DEADLINE_MS);
	rpc_stream_send(stream, &request.base);
	rpc_stream_half_close(stream);
}

static void health_expect(struct rpc_stream *stream, int status)
{
	Health *health = (Health *)rpc_stream_receive(
		stream, &grpc__health__v1__health_check_response__descriptor);

	assert_non_null(health);
	assert_int_equal(health->status, status);
	grpc__health__v1__health_check_response__free_unpacked(health, NULL);
}

static void health_watch_is_told(void **state)
{
	struct rpc_fixture *fixture = *state;
	struct rpc_stream known, unknown;
	struct rpc_answer answer;

	health_open(fixture, &known, "test.Echo");
	health_open(fixture, &unknown, "test.Other");
	health_expect(&known, SERVING);
	health_expect(&unknown, SERVICE_UNKNOWN);
	rpc_server_set_serving(fixture->server, false);
	health_expect(&known, NOT_SERVING);
	rpc_server_set_serving(fixture->server, true);
	health_expect(&known, SERVING);
	/* One that is ill does not make the others so. */
	rpc_server_set_ill(fixture->server, "test.Echo", true);
	health_expect(&known, NOT_SERVING);
	assert_int_equal(health_check(fixture, "test.Echo", &answer), NOT_SERVING);
	assert_int_equal(health_check(fixture, "", &answer), SERVING);
	rpc_server_set_ill(fixture->server, "test.Echo", false);
	health_expect(&known, SERVING);
	rpc_stream_cancel(&known);
	rpc_stream_cancel(&unknown);
	rpc_stream_finish(&known, &answer);
	rpc_stream_finish(&unknown, &answer);
}

static void health_watchers_are_bounded(void **state)
{
	struct rpc_fixture *fixture = *state;
	enum { CHANNELS = RPC_HEALTH_WATCHERS_MAX / RPC_STREAMS_MAX + 1 };
	grpc_channel *channels[CHANNELS], *first = fixture->unix_channel;
	struct rpc_stream streams[RPC_HEALTH_WATCHERS_MAX], late;
	struct rpc_answer answer;

	for (int i = 0; i < CHANNELS; i++)
		channels[i] = rpc_client_new(fixture->address, NULL);
	for (int i = 0; i < RPC_HEALTH_WATCHERS_MAX; i++) {
		fixture->unix_channel = channels[i / RPC_STREAMS_MAX];
		health_open(fixture, &streams[i], "");
		health_expect(&streams[i], SERVING);
	}
	fixture->unix_channel = first;
	health_open(fixture, &late, "");
	rpc_stream_finish(&late, &answer);
	assert_int_equal(answer.code, GRPC_STATUS_RESOURCE_EXHAUSTED);
	assert_string_equal(answer.reason, "TOO_MANY_WATCHERS");
	assert_true(answer.pushback_ms > 0);
	for (int i = 0; i < RPC_HEALTH_WATCHERS_MAX; i++) {
		rpc_stream_cancel(&streams[i]);
		rpc_stream_finish(&streams[i], &answer);
	}
	for (int i = 0; i < CHANNELS; i++)
		grpc_channel_destroy(channels[i]);
}

static Answer *reflection_ask(struct rpc_stream *stream, Question *question)
{
	Answer *answer;

	assert_true(rpc_stream_send(stream, &question->base));
	answer = (Answer *)rpc_stream_receive(
		stream, &grpc__reflection__v1__server_reflection_response__descriptor);
	assert_non_null(answer);
	return answer;
}

static void reflection_expect_list(struct rpc_stream *stream)
{
	static const char *const expected[] = {
		"grpc.health.v1.Health",
		"grpc.reflection.v1.ServerReflection",
		"grpc.reflection.v1alpha.ServerReflection",
		"test.Echo",
	};
	Question question = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
	Answer *answer;

	question.host = (char *)"agent";
	question.message_request_case = ASKS(LIST_SERVICES);
	question.list_services = (char *)"";
	answer = reflection_ask(stream, &question);
	assert_string_equal(answer->valid_host, "agent");
	assert_int_equal(answer->original_request->message_request_case, ASKS(LIST_SERVICES));
	assert_int_equal(answer->message_response_case, ANSWERS(LIST_SERVICES_RESPONSE));
	assert_int_equal(answer->list_services_response->n_service, 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(answer->list_services_response->service[i]->name,
				    expected[i]);
	grpc__reflection__v1__server_reflection_response__free_unpacked(answer, NULL);
}

/* Files of the answer, or minus its error code. */
static int reflection_files(struct rpc_stream *stream, int kind, const char *name)
{
	Question question = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
	Answer *answer;
	int files;

	question.message_request_case = kind;
	question.file_by_filename = (char *)name;
	answer = reflection_ask(stream, &question);
	if (answer->message_response_case == ANSWERS(ERROR_RESPONSE))
		files = -answer->error_response->error_code;
	else
		files = (int)answer->file_descriptor_response->n_file_descriptor_proto;
	grpc__reflection__v1__server_reflection_response__free_unpacked(answer, NULL);
	return files;
}

static void reflection_expect_all(struct rpc_fixture *fixture, const char *path)
{
	struct rpc_stream stream;
	struct rpc_answer answer;

	rpc_stream_open(&stream, fixture->unix_channel, path, RPC_CLIENT_DEADLINE_MS);
	reflection_expect_list(&stream);
	/* With what it imports. */
	assert_int_equal(
		reflection_files(&stream, ASKS(FILE_BY_FILENAME), "google/rpc/status.proto"),
		2);
	assert_int_equal(reflection_files(&stream, ASKS(FILE_CONTAINING_SYMBOL),
					  "grpc.health.v1.Health"),
			 1);
	assert_int_equal(reflection_files(&stream, ASKS(FILE_BY_FILENAME), "no.proto"),
			 -GRPC_STATUS_NOT_FOUND);
	assert_int_equal(reflection_files(&stream, ASKS(FILE_CONTAINING_SYMBOL), "no.Symbol"),
			 -GRPC_STATUS_NOT_FOUND);
	assert_int_equal(reflection_files(&stream, ASKS(ALL_EXTENSION_NUMBERS_OF_TYPE), "x"),
			 -GRPC_STATUS_NOT_FOUND);
	rpc_stream_half_close(&stream);
	rpc_stream_finish(&stream, &answer);
	assert_int_equal(answer.code, GRPC_STATUS_OK);
}

/* The messages of both versions are the same on the wire, so one test reads both. */
static void reflection_answers_in_both_versions(void **state)
{
	struct rpc_fixture *fixture = *state;

	fixture->refuse = true;
	reflection_expect_all(fixture, "/grpc.reflection.v1.ServerReflection/"
				       "ServerReflectionInfo");
	reflection_expect_all(fixture, "/grpc.reflection.v1alpha.ServerReflection/"
				       "ServerReflectionInfo");
}

#define test(name) \
	cmocka_unit_test_setup_teardown(name, rpc_fixture_setup, rpc_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(server_stream_sends_in_order),
		test(packed_message_goes_to_many),
		test(aborted_stream_does_not_wait_for_its_reader),
		test(aborted_stream_has_details),
		test(client_stream_counts),
		test(cancelled_client_stream_is_not_half_closed),
		test(lost_connection_is_not_half_close),
		test(silent_client_stream_ends),
		test(talking_client_stream_goes_on),
		test(bad_message_ends_the_client_stream),
		test(bidi_stream_waits_for_its_reader),
		test(admission_holds_for_streams),
		test(health_answers_everybody),
		test(health_watch_is_told),
		test(health_watchers_are_bounded),
		test(reflection_answers_in_both_versions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
