/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "clients/cleanup.h"
#include "fake_agent.h"
#include "waymark/replace.h"

#define AGENT_MESSAGE_MAX (4 * 1024 * 1024)

struct fixture {
	struct fake_agent *agent;
	struct waymark_client *client;

	/* What the agent is to do. */
	int code; /* after the first chunk; 0: none */
	bool hang; /* no answer to the commit */

	/* What it has seen. */
	unsigned int chunks, commits, broken;
	uint64_t marks, declared;
	size_t longest; /* message */
	bool allow_empty, in_order;
};

static void take_chunk(struct fixture *fixture, const Waymark__V1__ReplaceChunk *chunk,
		       struct fake_answer *answer)
{
	for (size_t i = 0; i < chunk->n_marks; i++)
		if (chunk->marks[i]->revision != ++fixture->marks)
			fixture->in_order = false;
	fixture->chunks++;
	answer->code = fixture->code;
	answer->read_on = !fixture->code;
	if (fixture->code)
		fake_answer_reason(answer, "QUOTA");
}

static void take_commit(struct fixture *fixture, const Waymark__V1__ReplaceCommit *commit,
			struct fake_answer *answer)
{
	Waymark__V1__ReplaceMarksResponse response = WAYMARK__V1__REPLACE_MARKS_RESPONSE__INIT;

	fixture->commits++;
	fixture->declared = commit->mark_count;
	response.created = fixture->marks;
	fake_answer_message(answer, &response.base);
	answer->hang = fixture->hang;
	if (fixture->hang)
		answer->count = 0;
}

static void handle(const char *path, const uint8_t *request, size_t length,
		   struct fake_answer *answer, void *user)
{
	struct fixture *fixture = user;
	cleanup(free_message) Waymark__V1__ReplaceMarksRequest *message = NULL;

	if (!request) {
		fixture->broken++;
		return;
	}
	message = waymark__v1__replace_marks_request__unpack(NULL, length, request);
	if (!message || strcmp(path, "/waymark.v1.MarkerService/ReplaceMarks") != 0)
		abort();
	fixture->longest = length > fixture->longest ? length : fixture->longest;
	answer->read_on = true;
	switch (message->step_case) {
	case WAYMARK__V1__REPLACE_MARKS_REQUEST__STEP_BEGIN:
		fixture->allow_empty = message->begin->allow_empty;
		fixture->marks = 0;
		break;
	case WAYMARK__V1__REPLACE_MARKS_REQUEST__STEP_CHUNK:
		take_chunk(fixture, message->chunk, answer);
		break;
	default:
		answer->read_on = false;
		take_commit(fixture, message->commit, answer);
	}
}

static int setup(void **state)
{
	static struct fixture fixture;
	struct waymark_options options = {.replace_timeout_ms = 60000};

	fixture = (struct fixture){.in_order = true};
	fixture.agent = fake_agent_new(handle, &fixture);
	options.target = fake_agent_target(fixture.agent);
	*state = &fixture;
	return waymark_open(&options, &fixture.client, NULL);
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	waymark_close(fixture->client);
	fake_agent_free(fixture->agent);
	return 0;
}

/* Adds marks whose revisions count on from `first`, in portions; the code of the last one. */
static int add(struct waymark_replace *replace, uint64_t first, size_t count, size_t portion,
	       struct waymark_error *error)
{
	Waymark__V1__Match match = WAYMARK__V1__MATCH__INIT;
	Waymark__V1__Mark *storage = test_calloc(portion, sizeof(*storage));
	Waymark__V1__Mark **marks = test_calloc(portion, sizeof(Waymark__V1__Mark *));
	int code = 0;

	match.destination = (char *)"2001:db8:1234:5678:9abc:def0:1234:5678";
	for (size_t done = 0; !code && done < count; done += portion) {
		for (size_t i = 0; i < portion; i++) {
			waymark__v1__mark__init(&storage[i]);
			storage[i].match = &match;
			storage[i].revision = first + done + i;
			marks[i] = &storage[i];
		}
		code = waymark_replace_add(replace, marks, portion, error);
	}
	test_free(marks);
	test_free(storage);
	return code;
}

static struct waymark_replace *begin(struct fixture *fixture)
{
	struct waymark_replace *replace = NULL;

	fake_agent_sync(fixture->agent);
	assert_int_equal(waymark_replace_begin(fixture->client, NULL, &replace, NULL), 0);
	assert_non_null(replace);
	return replace;
}

static void commit(struct fixture *fixture, struct waymark_replace *replace, uint64_t marks)
{
	cleanup(free_message) Waymark__V1__ReplaceMarksResponse *response = NULL;

	assert_int_equal(waymark_replace_commit(replace, &response, NULL), 0);
	waymark_replace_free(replace);
	fake_agent_sync(fixture->agent);
	assert_int_equal(response->created, marks);
	assert_int_equal(fixture->declared, marks);
	assert_int_equal(fixture->commits, 1);
	assert_true(fixture->in_order);
}

static void test_many_marks_in_few_messages(void **state)
{
	struct fixture *fixture = *state;
	struct waymark_replace *replace = begin(fixture);

	/* One by one, and many at once, in the same stream. */
	assert_int_equal(add(replace, 1, 20000, 1, NULL), 0);
	assert_int_equal(add(replace, 20001, 100000, 50000, NULL), 0);
	commit(fixture, replace, 120000);
	assert_true(fixture->longest < AGENT_MESSAGE_MAX);
	assert_true(fixture->chunks > 1 && fixture->chunks < 100);
}

static void test_no_marks(void **state)
{
	struct fixture *fixture = *state;
	Waymark__V1__ReplaceBegin empty = WAYMARK__V1__REPLACE_BEGIN__INIT;
	struct waymark_replace *replace;

	empty.allow_empty = true;
	assert_int_equal(waymark_replace_begin(fixture->client, &empty, &replace, NULL), 0);
	commit(fixture, replace, 0);
	assert_true(fixture->allow_empty);
	assert_int_equal(fixture->chunks, 0);
}

static void test_begin_is_repeated(void **state)
{
	struct fixture *fixture = *state;
	struct waymark_replace *replace = NULL;

	fake_agent_stop(fixture->agent);
	assert_int_equal(waymark_replace_begin(fixture->client, NULL, &replace, NULL),
			 WAYMARK_UNAVAILABLE);
	assert_null(replace);
	fake_agent_start(fixture->agent);
	replace = begin(fixture);
	assert_int_equal(add(replace, 1, 10, 10, NULL), 0);
	commit(fixture, replace, 10);
}

/* The agent's refusal comes back from whichever call meets it, and from all after it. */
static void test_refusal_in_the_middle(void **state)
{
	struct fixture *fixture = *state;
	cleanup(free_message) Waymark__V1__ReplaceMarksResponse *response = NULL;
	struct waymark_error error;
	struct waymark_replace *replace;

	fixture->code = WAYMARK_RESOURCE_EXHAUSTED;
	replace = begin(fixture);
	/* More than the agent takes in before it is asked again. */
	assert_int_equal(add(replace, 1, 2000000, 1000, &error), WAYMARK_RESOURCE_EXHAUSTED);
	assert_string_equal(error.reason, "QUOTA");
	error = (struct waymark_error){0};
	assert_int_equal(add(replace, 1, 1, 1, &error), WAYMARK_RESOURCE_EXHAUSTED);
	assert_string_equal(error.reason, "QUOTA");
	error = (struct waymark_error){0};
	assert_int_equal(waymark_replace_commit(replace, &response, &error),
			 WAYMARK_RESOURCE_EXHAUSTED);
	assert_string_equal(error.reason, "QUOTA");
	assert_null(response);
	waymark_replace_free(replace);
}

static void test_mark_of_absurd_size(void **state)
{
	struct fixture *fixture = *state;
	struct waymark_replace *replace = begin(fixture);
	Waymark__V1__Mark small = WAYMARK__V1__MARK__INIT, big = WAYMARK__V1__MARK__INIT;
	Waymark__V1__Mark *marks[] = {&small, &big};
	char *cookie = test_malloc(300 * 1024);
	struct waymark_error error;

	memset(cookie, 'x', 300 * 1024 - 1);
	cookie[300 * 1024 - 1] = '\0';
	big.cookie = cookie;
	assert_int_equal(waymark_replace_add(replace, marks, 2, &error),
			 WAYMARK_INVALID_ARGUMENT);
	assert_string_equal(error.field, "marks[1]");
	test_free(cookie);
	/* Neither was declared, and the stream goes on. */
	assert_int_equal(add(replace, 1, 3, 3, NULL), 0);
	commit(fixture, replace, 3);
}

static void test_free_without_commit(void **state)
{
	struct fixture *fixture = *state;
	struct waymark_replace *replace = begin(fixture);

	assert_int_equal(add(replace, 1, 20000, 20000, NULL), 0);
	waymark_replace_free(replace);
	waymark_replace_free(NULL);
	/* The agent serves one call at a time, so this one follows the end of that one. It is
	 * the only one that commits. */
	replace = begin(fixture);
	assert_int_equal(add(replace, 1, 1, 1, NULL), 0);
	commit(fixture, replace, 1);
	assert_int_equal(fixture->broken, 1);
}

static void test_deadline(void **state)
{
	struct fixture *fixture = *state;
	const struct waymark_options options = {.target = fake_agent_target(fixture->agent),
						.replace_timeout_ms = 300};
	Waymark__V1__ReplaceMarksResponse *response = NULL;
	struct waymark_client *client;
	struct waymark_replace *replace;

	fixture->hang = true;
	fake_agent_sync(fixture->agent);
	assert_int_equal(waymark_open(&options, &client, NULL), 0);
	assert_int_equal(waymark_replace_begin(client, NULL, &replace, NULL), 0);
	assert_int_equal(waymark_replace_commit(replace, &response, NULL),
			 WAYMARK_DEADLINE_EXCEEDED);
	assert_null(response);
	waymark_replace_free(replace);
	waymark_close(client);
}

int main(void)
{
#define WITH_AGENT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH_AGENT(test_many_marks_in_few_messages),
		WITH_AGENT(test_no_marks),
		WITH_AGENT(test_begin_is_repeated),
		WITH_AGENT(test_refusal_in_the_middle),
		WITH_AGENT(test_mark_of_absurd_size),
		WITH_AGENT(test_free_without_commit),
		WITH_AGENT(test_deadline),
	};

	waymark_quiet();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
