/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "clients/cleanup.h"
#include "fake_agent.h"
#include "waymark/client.h"

/* What the next calls meet. */
struct script {
	int code;
	unsigned int failures; /* as often, then OK; 0: always */
	unsigned int calls; /* so far */
	char path[64]; /* of the last one */
	const char *pushback; /* NULL: none */
	const char *details; /* reason of an ErrorInfo; NULL: no details */
	bool garbage, silent, hang;
};

static void answer_refusal(const struct script *script, struct fake_answer *answer)
{
	answer->code = script->code;
	answer->pushback = script->pushback;
	answer->message = "no, with an \xC3\xA9";
	if (script->details)
		fake_answer_reason(answer, script->details);
}

/* Echoes the mark of a SetMark; everything else gets an empty answer. */
static void handle(const char *path, const uint8_t *request, size_t length,
		   struct fake_answer *answer, void *user)
{
	struct script *script = user;
	cleanup(free_message) Waymark__V1__SetMarkRequest *set = NULL;
	Waymark__V1__SetMarkResponse response = WAYMARK__V1__SET_MARK_RESPONSE__INIT;

	script->calls++;
	(void)snprintf(script->path, sizeof(script->path), "%s", path);
	answer->silent = script->silent;
	answer->hang = script->hang;
	if (script->code && (!script->failures || script->calls <= script->failures)) {
		answer_refusal(script, answer);
	} else if (script->garbage) {
		memset(answer->bytes, 0xFF, 8);
		answer->lengths[0] = 8;
		answer->count = 1;
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

static void set_script(struct fixture *fixture, struct script script)
{
	fake_agent_sync(fixture->agent);
	fixture->script = script;
	fake_agent_sync(fixture->agent);
}

static unsigned int count_calls(struct fixture *fixture)
{
	fake_agent_sync(fixture->agent);
	return fixture->script.calls;
}

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

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
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
	cleanup(free_message) Waymark__V1__ApplyMarksResponse *apply = NULL;
	cleanup(free_message) Waymark__V1__GrantLeaseResponse *grant = NULL;
	cleanup(free_message) Waymark__V1__RenewLeaseResponse *renew = NULL;
	cleanup(free_message) Waymark__V1__RevokeLeaseResponse *revoke = NULL;
	cleanup(free_message) Waymark__V1__ListLeasesResponse *leases = NULL;

#define CALL(name, Name, NAME, answer)                                                         \
	do {                                                                                   \
		Waymark__V1__##Name##Request request = WAYMARK__V1__##NAME##_REQUEST__INIT;    \
                                                                                               \
		assert_int_equal(waymark_##name(client, &request, &answer, NULL), 0);          \
		assert_ptr_equal(answer->base.descriptor,                                      \
				 &waymark__v1__##name##_response__descriptor);                 \
		fake_agent_sync(fixture->agent);                                               \
		assert_string_equal(fixture->script.path, "/waymark.v1.MarkerService/" #Name); \
	} while (0)

	CALL(clear_mark, ClearMark, CLEAR_MARK, clear);
	CALL(get_mark, GetMark, GET_MARK, get);
	CALL(list_marks, ListMarks, LIST_MARKS, list);
	CALL(stats, Stats, STATS, stats);
	CALL(apply_marks, ApplyMarks, APPLY_MARKS, apply);
	CALL(grant_lease, GrantLease, GRANT_LEASE, grant);
	CALL(renew_lease, RenewLease, RENEW_LEASE, renew);
	CALL(revoke_lease, RevokeLease, REVOKE_LEASE, revoke);
	CALL(list_leases, ListLeases, LIST_LEASES, leases);
}

static void test_refusal_with_details(void **state)
{
	struct fixture *fixture = *state;
	struct waymark_error error;

	set_script(fixture, (struct script){.code = WAYMARK_INVALID_ARGUMENT,
					    .details = "IPV4_UNSUPPORTED"});
	assert_int_equal(set_cookie(fixture->client, "", &error), WAYMARK_INVALID_ARGUMENT);
	assert_int_equal(error.code, WAYMARK_INVALID_ARGUMENT);
	assert_string_equal(error.message, "no, with an \xC3\xA9");
	assert_string_equal(error.reason, "IPV4_UNSUPPORTED");
	assert_string_equal(error.field, "");
	/* The caller need not want to know why. */
	assert_int_equal(set_cookie(fixture->client, "", NULL), WAYMARK_INVALID_ARGUMENT);
	/* The connection serves on. */
	set_script(fixture, (struct script){0});
	assert_int_equal(set_cookie(fixture->client, "x", &error), 0);
}

static void test_refusal_without_details(void **state)
{
	struct fixture *fixture = *state;
	struct waymark_error error;

	set_script(fixture, (struct script){.code = WAYMARK_RESOURCE_EXHAUSTED});
	assert_int_equal(set_cookie(fixture->client, "", &error), WAYMARK_RESOURCE_EXHAUSTED);
	assert_string_equal(error.reason, "");
	assert_int_equal(error.metadata_count, 0);
}

static void test_answer_of_no_message(void **state)
{
	struct fixture *fixture = *state;
	struct waymark_error error;

	set_script(fixture, (struct script){.garbage = true});
	assert_int_equal(set_cookie(fixture->client, "", &error), WAYMARK_INTERNAL);
	assert_non_null(strstr(error.message, "waymark.v1.SetMarkResponse"));
	set_script(fixture, (struct script){.silent = true});
	assert_int_equal(set_cookie(fixture->client, "", &error), WAYMARK_INTERNAL);
}

static void test_deadline(void **state)
{
	struct fixture *fixture = *state;
	struct waymark_client *client = client_new(fake_agent_target(fixture->agent), 200);
	struct waymark_error error;

	set_script(fixture, (struct script){.hang = true});
	assert_int_equal(set_cookie(client, "", &error), WAYMARK_DEADLINE_EXCEEDED);
	waymark_close(client);
}

static void test_no_agent_fails_at_once(void **state)
{
	/* A minute of patience is not used up. */
	struct waymark_client *client = client_new("unix:/nonexistent/socket", 60000);
	int64_t begin = now_ms();
	struct waymark_error error;

	(void)state;
	assert_int_equal(set_cookie(client, "", &error), WAYMARK_UNAVAILABLE);
	assert_non_null(strstr(error.message, "/nonexistent/socket"));
	assert_true(now_ms() - begin < 20000);
	waymark_close(client);
}

static void test_passing_failures_are_repeated(void **state)
{
	struct fixture *fixture = *state;
	static const int codes[] = {WAYMARK_UNAVAILABLE, WAYMARK_CANCELLED};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		set_script(fixture, (struct script){.code = codes[i], .failures = 3});
		assert_int_equal(set_cookie(fixture->client, "again", NULL), 0);
		assert_int_equal(count_calls(fixture), 4);
	}
	set_script(fixture, (struct script){.code = WAYMARK_UNAVAILABLE});
	assert_int_equal(set_cookie(fixture->client, "", NULL), WAYMARK_UNAVAILABLE);
	assert_int_equal(count_calls(fixture), 5);
}

static void test_other_failures_are_not_repeated(void **state)
{
	struct fixture *fixture = *state;

	for (int code = WAYMARK_UNKNOWN; code <= WAYMARK_UNAUTHENTICATED; code++) {
		if (code == WAYMARK_UNAVAILABLE)
			continue;
		set_script(fixture, (struct script){.code = code, .failures = 1});
		assert_int_equal(set_cookie(fixture->client, "", NULL), code);
		assert_int_equal(count_calls(fixture), 1);
	}
}

static void test_one_attempt(void **state)
{
	struct fixture *fixture = *state;
	const struct waymark_options options = {.target = fake_agent_target(fixture->agent),
						.max_attempts = 1};
	struct waymark_client *client;

	assert_int_equal(waymark_open(&options, &client, NULL), 0);
	set_script(fixture, (struct script){.code = WAYMARK_UNAVAILABLE, .failures = 1});
	assert_int_equal(set_cookie(client, "", NULL), WAYMARK_UNAVAILABLE);
	assert_int_equal(count_calls(fixture), 1);
	waymark_close(client);
}

static void test_pushback_is_waited_for(void **state)
{
	struct fixture *fixture = *state;
	int64_t begin = now_ms();

	set_script(fixture, (struct script){.code = WAYMARK_RESOURCE_EXHAUSTED,
					    .failures = 1,
					    .pushback = "700"});
	assert_int_equal(set_cookie(fixture->client, "later", NULL), 0);
	assert_int_equal(count_calls(fixture), 2);
	assert_true(now_ms() - begin >= 700);
}

static void test_pushback_that_says_no(void **state)
{
	struct fixture *fixture = *state;
	static const char *const texts[] = {"-1", "soon", "1.5", "99999999999999999999"};
	struct waymark_error error;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		set_script(fixture, (struct script){.code = WAYMARK_UNAVAILABLE,
						    .failures = 1,
						    .pushback = texts[i]});
		assert_int_equal(set_cookie(fixture->client, "", &error), WAYMARK_UNAVAILABLE);
		assert_int_equal(count_calls(fixture), 1);
		assert_true(error.retry_after_ms < 0);
	}
}

static void test_pushback_beyond_the_deadline(void **state)
{
	struct fixture *fixture = *state;
	struct waymark_error error;
	int64_t begin = now_ms();

	/* The client has 30 s. */
	set_script(fixture, (struct script){.code = WAYMARK_UNAVAILABLE,
					    .failures = 1,
					    .pushback = "60000"});
	assert_int_equal(set_cookie(fixture->client, "", &error), WAYMARK_UNAVAILABLE);
	assert_int_equal(error.retry_after_ms, 60000);
	assert_int_equal(count_calls(fixture), 1);
	assert_true(now_ms() - begin < 20000);
}

static void *start_later(void *agent)
{
	const struct timespec pause = {.tv_nsec = 300000000};

	/* Long enough for a client without patience to fail. */
	nanosleep(&pause, NULL);
	fake_agent_start(agent);
	return NULL;
}

static void test_waits_for_an_agent_that_restarts(void **state)
{
	struct fixture *fixture = *state;
	const struct waymark_options options = {.target = fake_agent_target(fixture->agent),
						.call_timeout_ms = 60000,
						.max_attempts = 2,
						.wait_for_ready = true};
	struct waymark_client *client;
	pthread_t thread;

	assert_int_equal(waymark_open(&options, &client, NULL), 0);
	assert_int_equal(set_cookie(client, "before", NULL), 0);
	/* The first attempt may yet meet the connection that ends; the second one waits. */
	fake_agent_stop(fixture->agent);
	assert_int_equal(pthread_create(&thread, NULL, start_later, fixture->agent), 0);
	assert_int_equal(set_cookie(client, "after", NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	waymark_close(client);
}

/* The agent's thread polls for the client here; alone, only the pauses in its queue do. */
static void test_repeated_across_a_restart(void **state)
{
	struct fixture *fixture = *state;
	const struct waymark_options options = {.target = fake_agent_target(fixture->agent),
						.max_attempts = 6};
	struct waymark_client *client;
	pthread_t thread;

	assert_int_equal(waymark_open(&options, &client, NULL), 0);
	assert_int_equal(set_cookie(client, "before", NULL), 0);
	fake_agent_stop(fixture->agent);
	assert_int_equal(pthread_create(&thread, NULL, start_later, fixture->agent), 0);
	assert_int_equal(set_cookie(client, "after", NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
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
		WITH_AGENT(test_passing_failures_are_repeated),
		WITH_AGENT(test_other_failures_are_not_repeated),
		WITH_AGENT(test_one_attempt),
		WITH_AGENT(test_pushback_is_waited_for),
		WITH_AGENT(test_pushback_that_says_no),
		WITH_AGENT(test_pushback_beyond_the_deadline),
		WITH_AGENT(test_waits_for_an_agent_that_restarts),
		WITH_AGENT(test_repeated_across_a_restart),
		WITH_AGENT(test_threads_share_a_client),
	};

	waymark_quiet();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
