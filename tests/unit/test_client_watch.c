/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches as short stories. The agent plays one scene for each stream that the client opens:
 * letters with revisions, C created, E an event, S synced, H heartbeat, U unknown content. The
 * test compares all that the client handed out, and all that it asked the agent for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/cleanup.h"
#include "fake_agent.h"
#include "waymark/watch.h"

#define STATE "0123456789abcdef0123456789abcdef"

struct scene {
	const char *play; /* NULL: the story is over */
	int code;
	const char *reason, *pushback;
	bool hang;
};

struct fixture {
	struct fake_agent *agent;
	struct waymark_client *client;
	struct waymark_watch *watch;
	struct scene scenes[8];
	unsigned int scene;
	char asked[512]; /* every request */
	char got[512]; /* every event */
};

__attribute__((format(printf, 2, 3))) static void note(char text[static 512],
						       const char *format, ...)
{
	size_t used = strlen(text);
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text + used, 512 - used, format, arguments);
	va_end(arguments);
}

static void note_request(struct fixture *fixture, const uint8_t *bytes, size_t length)
{
	cleanup(free_message) Waymark__V1__WatchMarksRequest *request =
		waymark__v1__watch_marks_request__unpack(NULL, length, bytes);
	const char *state = request->resume_state_id;

	note(fixture->asked, "[%s%s/%llu%s%s]", request->filter ? request->filter->owner : "",
	     strcmp(state, STATE) == 0 ? "STATE" : state,
	     (unsigned long long)request->resume_revision,
	     request->updates_only ? " updates_only" : "",
	     request->until_synced ? " until_synced" : "");
}

static void answer_line(struct fake_answer *answer, char letter, uint64_t revision)
{
	Waymark__V1__WatchMarksResponse response = WAYMARK__V1__WATCH_MARKS_RESPONSE__INIT;
	Waymark__V1__ResponseHeader header = WAYMARK__V1__RESPONSE_HEADER__INIT;
	Waymark__V1__WatchCreated created = WAYMARK__V1__WATCH_CREATED__INIT;
	Waymark__V1__WatchSynced synced = WAYMARK__V1__WATCH_SYNCED__INIT;
	Waymark__V1__WatchHeartbeat heartbeat = WAYMARK__V1__WATCH_HEARTBEAT__INIT;
	Waymark__V1__MarkEvent event = WAYMARK__V1__MARK_EVENT__INIT;
	Waymark__V1__MarkEvent *list[] = {&event};
	Waymark__V1__MarkEvents events = WAYMARK__V1__MARK_EVENTS__INIT;

	header.state_id = (char *)STATE;
	header.revision = revision;
	events.n_events = 1;
	events.events = list;
	response.header = &header;
	if (letter == 'C') {
		response.content_case = WAYMARK__V1__WATCH_MARKS_RESPONSE__CONTENT_CREATED;
		response.created = &created;
	} else if (letter == 'E') {
		response.content_case = WAYMARK__V1__WATCH_MARKS_RESPONSE__CONTENT_EVENTS;
		response.events = &events;
	} else if (letter == 'S') {
		response.content_case = WAYMARK__V1__WATCH_MARKS_RESPONSE__CONTENT_SYNCED;
		response.synced = &synced;
	} else if (letter == 'H') {
		response.content_case = WAYMARK__V1__WATCH_MARKS_RESPONSE__CONTENT_HEARTBEAT;
		response.heartbeat = &heartbeat;
	}
	fake_answer_message(answer, &response.base);
}

static void handle(const char *path, const uint8_t *request, size_t length,
		   struct fake_answer *answer, void *user)
{
	struct fixture *fixture = user;
	const struct scene *scene = &fixture->scenes[fixture->scene];

	if (strcmp(path, "/waymark.v1.MarkerService/WatchMarks") != 0 || !request)
		abort();
	note_request(fixture, request, length);
	if (!scene->play) {
		answer->code = WAYMARK_FAILED_PRECONDITION;
		answer->message = "the story is over";
		return;
	}
	fixture->scene++;
	for (const char *at = scene->play; *at; at += strcspn(at, " ") + (strchr(at, ' ') != 0))
		answer_line(answer, *at, strtoull(at + 1, NULL, 10));
	answer->code = scene->code;
	answer->pushback = scene->pushback;
	answer->hang = scene->hang;
	if (scene->reason)
		fake_answer_reason(answer, scene->reason);
}

static int setup(void **state)
{
	static struct fixture fixture;
	struct waymark_options options = {0};

	fixture = (struct fixture){0};
	fixture.agent = fake_agent_new(handle, &fixture);
	options.target = fake_agent_target(fixture.agent);
	*state = &fixture;
	return waymark_open(&options, &fixture.client, NULL);
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	waymark_watch_close(fixture->watch);
	waymark_close(fixture->client);
	fake_agent_free(fixture->agent);
	return 0;
}

static void note_event(struct fixture *fixture, const struct waymark_event *event)
{
	static const char letters[] = " CESH";

	switch (event->type) {
	case WAYMARK_WATCH_RESET:
		note(fixture->got, "RESET:%s ", event->cause.reason);
		break;
	case WAYMARK_WATCH_LOST:
		note(fixture->got, "LOST:%s ", waymark_code_name(event->cause.code));
		break;
	case WAYMARK_WATCH_END:
		note(fixture->got, "END ");
		break;
	default:
		note(fixture->got, "%c%llu ", letters[event->type],
		     (unsigned long long)event->message->header->revision);
	}
}

static void open_watch(struct fixture *fixture, const Waymark__V1__WatchMarksRequest *request)
{
	fake_agent_sync(fixture->agent);
	assert_int_equal(waymark_watch_open(fixture->client, request, &fixture->watch, NULL),
			 0);
}

/* Takes events until there is none; why. */
static int follow(struct fixture *fixture, struct waymark_error *error)
{
	struct waymark_event event;
	int code;

	while (!(code = waymark_watch_next(fixture->watch, 20000, &event, error)))
		note_event(fixture, &event);
	fake_agent_sync(fixture->agent);
	return code;
}

/* Plays all scenes and one more stream, which the agent refuses. */
static void play(struct fixture *fixture, const Waymark__V1__WatchMarksRequest *request,
		 const char *got, const char *asked)
{
	struct waymark_error error;

	open_watch(fixture, request);
	assert_int_equal(follow(fixture, &error), WAYMARK_FAILED_PRECONDITION);
	assert_string_equal(error.message, "the story is over");
	assert_string_equal(fixture->got, got);
	assert_string_equal(fixture->asked, asked);
}

static void test_resumes_after_the_last_message(void **state)
{
	struct fixture *fixture = *state;
	Waymark__V1__WatchMarksRequest request = WAYMARK__V1__WATCH_MARKS_REQUEST__INIT;
	Waymark__V1__MarkFilter filter = WAYMARK__V1__MARK_FILTER__INIT;

	filter.owner = (char *)"me:";
	request.filter = &filter;
	fixture->scenes[0] =
		(struct scene){.play = "C9 E3 E5 S9 E10", .code = WAYMARK_UNAVAILABLE};
	fixture->scenes[1] = (struct scene){.play = "C10 S10 H12", .code = WAYMARK_CANCELLED};
	fixture->scenes[2] = (struct scene){.play = "C12 E13 S13"};
	play(fixture, &request,
	     "C9 E3 E5 S9 E10 LOST:UNAVAILABLE C10 S10 H12 LOST:CANCELLED "
	     "C12 E13 S13 LOST:UNAVAILABLE ",
	     "[me:/0][me:STATE/10][me:STATE/12][me:STATE/13]");
}

/* What `created` says about a snapshot that has not begun is no place to resume from. */
static void test_breaks_around_the_snapshot(void **state)
{
	struct fixture *fixture = *state;

	fixture->scenes[0] = (struct scene){.play = "C9", .code = WAYMARK_UNAVAILABLE};
	fixture->scenes[1] = (struct scene){.play = "C9 E3", .code = WAYMARK_UNAVAILABLE};
	fixture->scenes[2] = (struct scene){.play = "C9 E5 S9", .code = WAYMARK_UNAVAILABLE};
	play(fixture, NULL,
	     "C9 LOST:UNAVAILABLE C9 E3 LOST:UNAVAILABLE C9 E5 S9 LOST:UNAVAILABLE ",
	     "[/0][/0][STATE/3][STATE/9]");
}

static void test_says_once_that_it_is_lost(void **state)
{
	struct fixture *fixture = *state;

	fixture->scenes[0] = (struct scene){.play = "C9 S9", .code = WAYMARK_UNAVAILABLE};
	for (int i = 1; i < 7; i++)
		fixture->scenes[i] = (struct scene){
			.play = "", .code = WAYMARK_UNAVAILABLE, .pushback = "10"};
	play(fixture, NULL, "C9 S9 LOST:UNAVAILABLE ",
	     "[/0][STATE/9][STATE/9][STATE/9][STATE/9][STATE/9][STATE/9][STATE/9]");
}

static void test_begins_anew_where_the_past_is_gone(void **state)
{
	struct fixture *fixture = *state;

	fixture->scenes[0] = (struct scene){.play = "C9 S9", .code = WAYMARK_UNAVAILABLE};
	fixture->scenes[1] =
		(struct scene){.play = "", .code = WAYMARK_OUT_OF_RANGE, .reason = "COMPACTED"};
	fixture->scenes[2] = (struct scene){.play = "C50 E40 S50", .code = WAYMARK_UNAVAILABLE};
	fixture->scenes[3] = (struct scene){
		.play = "", .code = WAYMARK_OUT_OF_RANGE, .reason = "STATE_CHANGED"};
	fixture->scenes[4] = (struct scene){.play = "C2 S2", .code = WAYMARK_UNAVAILABLE};
	play(fixture, NULL,
	     "C9 S9 LOST:UNAVAILABLE RESET:COMPACTED C50 E40 S50 "
	     "LOST:UNAVAILABLE RESET:STATE_CHANGED C2 S2 LOST:UNAVAILABLE ",
	     "[/0][STATE/9][/0][STATE/50][/0][STATE/2]");
}

static void test_resume_of_the_user(void **state)
{
	struct fixture *fixture = *state;
	Waymark__V1__WatchMarksRequest request = WAYMARK__V1__WATCH_MARKS_REQUEST__INIT;

	request.resume_state_id = (char *)"old";
	request.resume_revision = 5;
	fixture->scenes[0] = (struct scene){.play = "", .code = WAYMARK_UNAVAILABLE};
	fixture->scenes[1] = (struct scene){
		.play = "", .code = WAYMARK_OUT_OF_RANGE, .reason = "STATE_CHANGED"};
	fixture->scenes[2] = (struct scene){.play = "C7", .code = WAYMARK_UNAVAILABLE};
	play(fixture, &request, "RESET:STATE_CHANGED C7 LOST:UNAVAILABLE ",
	     "[old/5][old/5][/0][/0]");
}

/* An agent that refuses what is no resume would otherwise be asked for ever. */
static void test_no_reset_without_a_resume(void **state)
{
	struct fixture *fixture = *state;
	struct waymark_error error;

	fixture->scenes[0] =
		(struct scene){.play = "", .code = WAYMARK_OUT_OF_RANGE, .reason = "COMPACTED"};
	open_watch(fixture, NULL);
	assert_int_equal(follow(fixture, &error), WAYMARK_OUT_OF_RANGE);
	assert_string_equal(fixture->got, "");
}

static void test_updates_only(void **state)
{
	struct fixture *fixture = *state;
	Waymark__V1__WatchMarksRequest request = WAYMARK__V1__WATCH_MARKS_REQUEST__INIT;

	request.updates_only = true;
	fixture->scenes[0] = (struct scene){.play = "C9 S9", .code = WAYMARK_UNAVAILABLE};
	fixture->scenes[1] = (struct scene){
		.play = "C9", .code = WAYMARK_OUT_OF_RANGE, .reason = "COMPACTED"};
	fixture->scenes[2] = (struct scene){.play = "C20", .code = WAYMARK_UNAVAILABLE};
	play(fixture, &request,
	     "C9 S9 LOST:UNAVAILABLE C9 RESET:COMPACTED C20 LOST:UNAVAILABLE ",
	     "[/0 updates_only][STATE/9][/0 updates_only][STATE/20]");
}

static void test_until_synced(void **state)
{
	struct fixture *fixture = *state;
	Waymark__V1__WatchMarksRequest request = WAYMARK__V1__WATCH_MARKS_REQUEST__INIT;
	struct waymark_error error;

	request.until_synced = true;
	fixture->scenes[0] = (struct scene){.play = "C9 E3"};
	fixture->scenes[1] = (struct scene){.play = "C9 E5 S9"};
	open_watch(fixture, &request);
	assert_int_equal(follow(fixture, &error), WAYMARK_OUT_OF_RANGE);
	assert_string_equal(fixture->got, "C9 E3 LOST:UNAVAILABLE C9 E5 S9 END ");
	assert_string_equal(fixture->asked, "[/0 until_synced][STATE/3 until_synced]");
	/* And no more, ever. */
	assert_int_equal(follow(fixture, &error), WAYMARK_OUT_OF_RANGE);
	assert_string_equal(error.message, "the watch is complete");
}

static void test_slow_consumer_and_limits(void **state)
{
	struct fixture *fixture = *state;

	fixture->scenes[0] = (struct scene){.play = "",
					    .code = WAYMARK_RESOURCE_EXHAUSTED,
					    .reason = "WATCHERS",
					    .pushback = "10"};
	fixture->scenes[1] = (struct scene){
		.play = "C9 S9", .code = WAYMARK_RESOURCE_EXHAUSTED, .reason = "SLOW_CONSUMER"};
	fixture->scenes[2] = (struct scene){.play = "C9 U10 H11", .code = WAYMARK_UNAVAILABLE};
	play(fixture, NULL, "C9 S9 LOST:RESOURCE_EXHAUSTED C9 H11 LOST:UNAVAILABLE ",
	     "[/0][/0][STATE/9][STATE/11]");
}

static void test_agent_that_says_no(void **state)
{
	struct fixture *fixture = *state;
	struct waymark_error error;

	fixture->scenes[0] =
		(struct scene){.play = "C9 S9", .code = WAYMARK_UNAVAILABLE, .pushback = "-1"};
	open_watch(fixture, NULL);
	assert_int_equal(follow(fixture, &error), WAYMARK_UNAVAILABLE);
	assert_string_equal(fixture->got, "C9 S9 ");
	assert_string_equal(fixture->asked, "[/0]");
}

static void test_agent_that_was_never_there(void **state)
{
	struct fixture *fixture = *state;
	struct waymark_error error;

	fake_agent_stop(fixture->agent);
	open_watch(fixture, NULL);
	assert_int_equal(follow(fixture, &error), WAYMARK_UNAVAILABLE);
	assert_string_equal(fixture->got, "");
}

static int next(struct fixture *fixture, int64_t timeout_ms)
{
	struct waymark_event event;
	int code = waymark_watch_next(fixture->watch, timeout_ms, &event, NULL);

	if (!code)
		note_event(fixture, &event);
	return code;
}

static void test_agent_that_restarts(void **state)
{
	struct fixture *fixture = *state;

	fixture->scenes[0] = (struct scene){.play = "C9 S9", .hang = true};
	fixture->scenes[1] = (struct scene){.play = "C9 E10 S10", .hang = true};
	open_watch(fixture, NULL);
	assert_int_equal(next(fixture, 20000), 0);
	assert_int_equal(next(fixture, 20000), 0);
	fake_agent_stop(fixture->agent);
	assert_int_equal(next(fixture, 20000), 0);
	assert_non_null(strstr(fixture->got, "C9 S9 LOST:"));
	/* Far more attempts than a call would make. */
	assert_int_equal(next(fixture, 3000), WAYMARK_DEADLINE_EXCEEDED);
	fake_agent_start(fixture->agent);
	for (int i = 0; i < 3; i++)
		assert_int_equal(next(fixture, 20000), 0);
	fake_agent_sync(fixture->agent);
	assert_non_null(strstr(fixture->got, " C9 E10 S10 "));
	assert_string_equal(fixture->asked, "[/0][STATE/9]");
}

static void test_timeout_loses_nothing(void **state)
{
	struct fixture *fixture = *state;

	fixture->scenes[0] = (struct scene){.play = "C9 S9", .hang = true};
	open_watch(fixture, NULL);
	while (strcmp(fixture->got, "C9 S9 ") != 0)
		assert_true(next(fixture, 0) == 0 || strlen(fixture->got) < 6);
	assert_int_equal(next(fixture, 50), WAYMARK_DEADLINE_EXCEEDED);
	assert_int_equal(next(fixture, 0), WAYMARK_DEADLINE_EXCEEDED);
	assert_string_equal(fixture->got, "C9 S9 ");
}

static void *cancel_watch(void *watch)
{
	waymark_watch_cancel(watch);
	return NULL;
}

/* While it waits for an event, and while it waits to connect again. */
static void test_cancel_from_another_thread(void **state)
{
	struct fixture *fixture = *state;
	pthread_t thread;

	for (int pausing = 0; pausing < 2; pausing++) {
		fixture->scenes[0] = (struct scene){.play = "C9 S9", .hang = true};
		if (pausing)
			fixture->scenes[0] = (struct scene){.play = "C9 S9",
							    .code = WAYMARK_UNAVAILABLE,
							    .pushback = "86400000"};
		fixture->scene = 0;
		open_watch(fixture, NULL);
		for (int i = 0; i < 2 + pausing; i++)
			assert_int_equal(next(fixture, 20000), 0);
		assert_int_equal(pthread_create(&thread, NULL, cancel_watch, fixture->watch),
				 0);
		assert_int_equal(next(fixture, -1), WAYMARK_CANCELLED);
		assert_int_equal(next(fixture, -1), WAYMARK_CANCELLED);
		assert_int_equal(pthread_join(thread, NULL), 0);
		waymark_watch_close(fixture->watch);
		fixture->watch = NULL;
		fake_agent_sync(fixture->agent);
	}
	waymark_watch_close(NULL);
}

static void test_close_without_a_word(void **state)
{
	struct fixture *fixture = *state;

	/* teardown closes it: never connected. */
	open_watch(fixture, NULL);
}

int main(void)
{
#define WITH_AGENT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH_AGENT(test_resumes_after_the_last_message),
		WITH_AGENT(test_breaks_around_the_snapshot),
		WITH_AGENT(test_says_once_that_it_is_lost),
		WITH_AGENT(test_begins_anew_where_the_past_is_gone),
		WITH_AGENT(test_resume_of_the_user),
		WITH_AGENT(test_no_reset_without_a_resume),
		WITH_AGENT(test_updates_only),
		WITH_AGENT(test_until_synced),
		WITH_AGENT(test_slow_consumer_and_limits),
		WITH_AGENT(test_agent_that_says_no),
		WITH_AGENT(test_agent_that_was_never_there),
		WITH_AGENT(test_agent_that_restarts),
		WITH_AGENT(test_timeout_loses_nothing),
		WITH_AGENT(test_cancel_from_another_thread),
		WITH_AGENT(test_close_without_a_word),
	};

	waymark_quiet();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
