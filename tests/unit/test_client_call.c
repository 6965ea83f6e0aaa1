/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "clients/cleanup.h"
#include "fake_agent.h"
#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "waymark/client.h"

/* What the next calls meet. */
struct script {
	int code;
	const char *details; /* message of an ErrorInfo's reason; NULL: no details */
	bool garbage, silent, hang;
};

static void answer_refusal(const struct script *script, struct fake_answer *answer)
{
	Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	Google__Protobuf__Any *anys[] = {&any};
	Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;
	uint8_t packed[4096];

	answer->code = script->code;
	answer->message = "no, with an \xC3\xA9";
	if (!script->details)
		return;
	info.reason = (char *)script->details;
	any.type_url = (char *)"type.googleapis.com/google.rpc.ErrorInfo";
	any.value.data = packed;
	any.value.len = google__rpc__error_info__pack(&info, packed);
	status.n_details = 1;
	status.details = anys;
	answer->details_length = google__rpc__status__pack(&status, answer->details);
}

/* Echoes the mark of a SetMark; everything else gets an empty answer. */
static void handle(const char *path, const uint8_t *request, size_t length,
		   struct fake_answer *answer, void *user)
{
	const struct script *script = user;
	cleanup(free_message) Waymark__V1__SetMarkRequest *set = NULL;
	Waymark__V1__SetMarkResponse response = WAYMARK__V1__SET_MARK_RESPONSE__INIT;

	answer->silent = script->silent;
	answer->hang = script->hang;
	if (script->code) {
		answer_refusal(script, answer);
	} else if (script->garbage) {
		memset(answer->response, 0xFF, 8);
		answer->response_length = 8;
	} else if (strcmp(path, "/waymark.v1.MarkerService/SetMark") == 0) {
		set = waymark__v1__set_mark_request__unpack(NULL, length, request);
		response.outcome = WAYMARK__V1__OUTCOME__OUTCOME_CREATED;
		response.mark = set->mark;
		fake_answer_message(answer, &response.base);
	}
}

struct fixture {
	struct script script;
	struct fake_agent *agent;
	struct waymark_client *client;
};

static struct waymark_client *client_new(const char *target, int64_t timeout_ms)
{
	const struct waymark_options options = {.target = target,
						.call_timeout_ms = timeout_ms};
	struct waymark_client *client = NULL;

	assert_int_equal(waymark_open(&options, &client, NULL), 0);
	return client;
}

static int setup(void **state)
{
	static struct fixture fixture;

	fixture = (struct fixture){0};
	fixture.agent = fake_agent_new(handle, &fixture.script);
	fixture.client = client_new(fake_agent_target(fixture.agent), 30000);
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	waymark_close(fixture->client);
	fake_agent_free(fixture->agent);
	return 0;
}

/* Sets a mark with this cookie. The call's code; -1 if something else comes back. */
static int set_cookie(struct waymark_client *client, const char *cookie,
		      struct waymark_error *error)
{
	cleanup(free_message) Waymark__V1__SetMarkResponse *response = NULL;
	Waymark__V1__Mark mark = WAYMARK__V1__MARK__INIT;
	Waymark__V1__SetMarkRequest request = WAYMARK__V1__SET_MARK_REQUEST__INIT;
	int code;

	mark.cookie = (char *)cookie;
	request.mark = &mark;
	code = waymark_set_mark(client, &request, &response, error);
	if (code)
		return response ? -1 : code;
	if (response->outcome != WAYMARK__V1__OUTCOME__OUTCOME_CREATED ||
	    strcmp(response->mark->cookie, cookie) != 0)
		return -1;
	return 0;
}

static void test_answer(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(set_cookie(fixture->client, "echo", NULL), 0);
}

static void test_every_call_reaches_its_method(void **state)
{
	struct fixture *fixture = *state;
	struct waymark_client *client = fixture->client;
	cleanup(free_message) Waymark__V1__ClearMarkResponse *clear = NULL;
	cleanup(free_message) Waymark__V1__GetMarkResponse *get = NULL;
	cleanup(free_message) Waymark__V1__ListMarksResponse *list = NULL;
	cleanup(free_message) Waymark__V1__StatsResponse *stats = NULL;

	assert_int_equal(
		waymark_clear_mark(
			client,
			&(Waymark__V1__ClearMarkRequest)WAYMARK__V1__CLEAR_MARK_REQUEST__INIT,
			&clear, NULL),
		0);
	assert_int_equal(
		waymark_get_mark(
			client,
			&(Waymark__V1__GetMarkRequest)WAYMARK__V1__GET_MARK_REQUEST__INIT, &get,
			NULL),
		0);
	assert_int_equal(
		waymark_list_marks(
			client,
			&(Waymark__V1__ListMarksRequest)WAYMARK__V1__LIST_MARKS_REQUEST__INIT,
			&list, NULL),
		0);
	assert_int_equal(
		waymark_stats(client,
			      &(Waymark__V1__StatsRequest)WAYMARK__V1__STATS_REQUEST__INIT,
			      &stats, NULL),
		0);
	assert_ptr_equal(clear->base.descriptor, &waymark__v1__clear_mark_response__descriptor);
	assert_ptr_equal(stats->base.descriptor, &waymark__v1__stats_response__descriptor);
}

static void test_refusal_with_details(void **state)
{
	struct fixture *fixture = *state;
	struct waymark_error error;

	fixture->script.code = WAYMARK_INVALID_ARGUMENT;
	fixture->script.details = "IPV4_UNSUPPORTED";
	assert_int_equal(set_cookie(fixture->client, "", &error), WAYMARK_INVALID_ARGUMENT);
	assert_int_equal(error.code, WAYMARK_INVALID_ARGUMENT);
	assert_string_equal(error.message, "no, with an \xC3\xA9");
	assert_string_equal(error.reason, "IPV4_UNSUPPORTED");
	assert_string_equal(error.field, "");
	/* The caller need not want to know why. */
	assert_int_equal(set_cookie(fixture->client, "", NULL), WAYMARK_INVALID_ARGUMENT);
	/* The connection serves on. */
	fixture->script.code = 0;
	assert_int_equal(set_cookie(fixture->client, "x", &error), 0);
}

static void test_refusal_without_details(void **state)
{
	struct fixture *fixture = *state;
	struct waymark_error error;

	fixture->script.code = WAYMARK_RESOURCE_EXHAUSTED;
	assert_int_equal(set_cookie(fixture->client, "", &error), WAYMARK_RESOURCE_EXHAUSTED);
	assert_string_equal(error.reason, "");
	assert_int_equal(error.metadata_count, 0);
}

static void test_answer_of_no_message(void **state)
{
	struct fixture *fixture = *state;
	struct waymark_error error;

	fixture->script.garbage = true;
	assert_int_equal(set_cookie(fixture->client, "", &error), WAYMARK_INTERNAL);
	assert_non_null(strstr(error.message, "waymark.v1.SetMarkResponse"));
	fixture->script = (struct script){.silent = true};
	assert_int_equal(set_cookie(fixture->client, "", &error), WAYMARK_INTERNAL);
}

static void test_deadline(void **state)
{
	struct fixture *fixture = *state;
	struct waymark_client *client = client_new(fake_agent_target(fixture->agent), 200);
	struct waymark_error error;

	fixture->script.hang = true;
	assert_int_equal(set_cookie(client, "", &error), WAYMARK_DEADLINE_EXCEEDED);
	waymark_close(client);
}

static void test_no_agent_fails_at_once(void **state)
{
	/* A minute of patience is not used up. */
	struct waymark_client *client = client_new("unix:/nonexistent/socket", 60000);
	struct timespec begin, end;
	struct waymark_error error;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	assert_int_equal(set_cookie(client, "", &error), WAYMARK_UNAVAILABLE);
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_non_null(strstr(error.message, "/nonexistent/socket"));
	assert_true(end.tv_sec - begin.tv_sec < 20);
	waymark_close(client);
}

/* NULL, or the client after a failure: a thread of a test must not end the test itself. */
static void *call_often(void *client)
{
	void *failed = NULL;

	for (int i = 0; i < 50; i++)
		failed = set_cookie(client, "shared", NULL) ? client : failed;
	return failed;
}

static void test_threads_share_a_client(void **state)
{
	struct fixture *fixture = *state;
	pthread_t threads[8];

	for (size_t i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, call_often, fixture->client),
				 0);
	for (size_t i = 0; i < 8; i++) {
		void *failed = fixture;

		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
}

int main(void)
{
#define WITH_AGENT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH_AGENT(test_answer),
		WITH_AGENT(test_every_call_reaches_its_method),
		WITH_AGENT(test_refusal_with_details),
		WITH_AGENT(test_refusal_without_details),
		WITH_AGENT(test_answer_of_no_message),
		WITH_AGENT(test_deadline),
		cmocka_unit_test(test_no_agent_fails_at_once),
		WITH_AGENT(test_threads_share_a_client),
	};

	waymark_quiet();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
