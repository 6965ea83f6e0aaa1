/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hub between an engine and calls that the test stands in for: what watches are sent and
 * when, what happens when they take nothing, and that nothing is left of those that are gone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/engine.h"
#include "now.h"
#include "service/handlers.h"
#include "service/service.h"
#include "service/watch_hub.h"

#define PATIENCE 20 /* s */
#define CALLS 8

/* One call: what was sent, in short. "+1 -2 s5 h5 c0" are a PUT, a REMOVED, synced, heartbeat
 * and created with the revision of their headers. */
struct rpc_call {
	struct watcher *watcher;
	unsigned int references;
	char text[1024];
	uint64_t revision; /* of the last header */
	bool takes; /* else its messages are not taken over */
	bool gone; /* nothing can be sent any more */
	int ended; /* status; -1: it goes on */
	const char *reason;
	bool aborted;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* Change N has revision N: `removed` or not; `dead`: overtaken. */
	struct {
		bool removed, dead;
		uint8_t number;
	} changes[64];
	uint64_t head, compacted;
	int error; /* of the store */
	unsigned int reads;
	struct rpc_call calls[CALLS];
} script = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static struct service service;
static struct watch_hub *hub;

/* ---- the engine ---- */

uint64_t engine_revision(struct engine *engine)
{
	uint64_t head;

	(void)engine;
	pthread_mutex_lock(&script.lock);
	head = script.head;
	pthread_mutex_unlock(&script.lock);
	return head;
}

uint64_t engine_compact_revision(struct engine *engine)
{
	(void)engine;
	return script.compacted;
}

static void pass(uint64_t revision, int (*each)(const struct engine_change *change, void *user),
		 void *user)
{
	struct match match = {.kind = MARK_HOST, .prefix_length = 128};
	struct mark mark = {.revision = revision, .action.label = MARK_LABEL_RAW};
	struct removal removal = {.revision = revision, .reason = REMOVAL_CLEARED};
	struct engine_change change = {.revision = revision};

	match.destination[15] = script.changes[revision].number;
	mark.match = removal.match = match;
	if (script.changes[revision].removed)
		change.removal = &removal;
	else
		change.mark = &mark;
	each(&change, user);
}

uint64_t engine_changes(struct engine *engine, uint64_t after, uint64_t removals_after,
			int (*each)(const struct engine_change *change, void *user), void *user,
			int *ret_error)
{
	uint64_t head;

	(void)engine;
	pthread_mutex_lock(&script.lock);
	script.reads++;
	*ret_error = script.error;
	if (script.compacted > (after > removals_after ? after : removals_after))
		*ret_error = -ESTALE;
	head = script.head;
	for (uint64_t revision = after + 1; !*ret_error && revision <= head; revision++)
		if (!script.changes[revision].dead &&
		    (!script.changes[revision].removed || revision > removals_after))
			pass(revision, each, user);
	pthread_mutex_unlock(&script.lock);
	return *ret_error ? after : head;
}

/* ---- calls ---- */

void *rpc_call_service(const struct rpc_call *call)
{
	(void)call;
	return &service;
}

void rpc_call_set_data(struct rpc_call *call, void *data)
{
	call->watcher = data;
}

struct rpc_call *rpc_call_ref(struct rpc_call *call)
{
	pthread_mutex_lock(&script.lock);
	call->references++;
	pthread_mutex_unlock(&script.lock);
	return call;
}

void rpc_call_unref(struct rpc_call *call)
{
	pthread_mutex_lock(&script.lock);
	call->references--;
	pthread_cond_broadcast(&script.changed);
	pthread_mutex_unlock(&script.lock);
}

static void note(struct rpc_call *call, char what, uint64_t revision)
{
	size_t length = strlen(call->text);

	snprintf(call->text + length, sizeof(call->text) - length, "%c%lu ", what,
		 (unsigned long)revision);
}

static void note_events(struct rpc_call *call, const Waymark__V1__MarkEvents *events)
{
	for (size_t i = 0; i < events->n_events; i++) {
		const Waymark__V1__MarkEvent *event = events->events[i];
		const bool is_put = event->type == WAYMARK__V1__MARK_EVENT__TYPE__TYPE_PUT;

		note(call, is_put ? '+' : '-', event->mark->revision);
	}
}

static void note_response(struct rpc_call *call,
			  const Waymark__V1__WatchMarksResponse *response)
{
	call->revision = response->header->revision;
	switch (response->content_case) {
	case WAYMARK__V1__WATCH_MARKS_RESPONSE__CONTENT_CREATED:
		note(call, 'c', call->revision);
		break;
	case WAYMARK__V1__WATCH_MARKS_RESPONSE__CONTENT_SYNCED:
		note(call, 's', call->revision);
		break;
	case WAYMARK__V1__WATCH_MARKS_RESPONSE__CONTENT_HEARTBEAT:
		note(call, 'h', call->revision);
		break;
	case WAYMARK__V1__WATCH_MARKS_RESPONSE__CONTENT_EVENTS:
		note_events(call, response->events);
		break;
	default:
		note(call, '?', call->revision);
	}
}

struct rpc_packed {
	size_t size;
	uint8_t *bytes;
};

struct rpc_packed *rpc_packed_new(void *bytes, size_t size)
{
	struct rpc_packed *packed = malloc(sizeof(*packed));

	*packed = (struct rpc_packed){size, bytes};
	return packed;
}

void rpc_packed_free(struct rpc_packed *packed)
{
	if (packed)
		free(packed->bytes);
	free(packed);
}

int rpc_call_send_packed(struct rpc_call *call, const struct rpc_packed *packed)
{
	Waymark__V1__WatchMarksResponse *response =
		waymark__v1__watch_marks_response__unpack(NULL, packed->size, packed->bytes);
	bool takes, gone;

	pthread_mutex_lock(&script.lock);
	takes = call->takes;
	gone = call->gone || call->ended >= 0;
	if (!gone)
		note_response(call, response);
	pthread_cond_broadcast(&script.changed);
	pthread_mutex_unlock(&script.lock);
	waymark__v1__watch_marks_response__free_unpacked(response, NULL);
	if (gone)
		return -EPIPE;
	if (takes)
		watch_hub_writable(call->watcher);
	return 0;
}

int rpc_call_send(struct rpc_call *call, const ProtobufCMessage *message)
{
	uint8_t bytes[1024];
	const struct rpc_packed packed = {protobuf_c_message_pack(message, bytes), bytes};

	return rpc_call_send_packed(call, &packed);
}

void rpc_call_finish(struct rpc_call *call, const struct rpc_status *status,
		     const ProtobufCMessage *response)
{
	(void)response;
	pthread_mutex_lock(&script.lock);
	call->ended = status ? status->code : 0;
	if (status)
		call->reason = status->reason;
	pthread_cond_broadcast(&script.changed);
	pthread_mutex_unlock(&script.lock);
}

void rpc_call_finish_packed(struct rpc_call *call, const struct rpc_packed *response)
{
	(void)call, (void)response;
	fail_msg("a watch has no response of its own");
}

void rpc_call_abort(struct rpc_call *call, const struct rpc_status *status)
{
	call->aborted = true;
	rpc_call_finish(call, status, NULL);
}

/* ---- steps ---- */

static int set_up_with(const struct watch_limits *limits)
{
	script.head = script.compacted = 0;
	script.error = 0;
	script.reads = 0;
	memset(script.changes, 0, sizeof(script.changes));
	memset(script.calls, 0, sizeof(script.calls));
	hub = watch_hub_new(limits);
	assert_non_null(hub);
	assert_int_equal(watch_hub_start(hub, &service), 0);
	return 0;
}

static int set_up(void **state)
{
	const struct watch_limits limits = {CALLS, INT64_MAX / 4, INT64_MAX / 4};

	(void)state;
	return set_up_with(&limits);
}

/* What happens at the end of a call: the hub lets go of it. */
static void close_call(struct rpc_call *call)
{
	pthread_mutex_lock(&script.lock);
	call->gone = true;
	pthread_mutex_unlock(&script.lock);
	watch_hub_closed(call->watcher);
}

#define wait_until(condition)                                                                 \
	do {                                                                                  \
		struct timespec end;                                                          \
		int waited = 0;                                                               \
                                                                                              \
		clock_gettime(CLOCK_REALTIME, &end);                                          \
		end.tv_sec += PATIENCE;                                                       \
		pthread_mutex_lock(&script.lock);                                             \
		while (!(condition) && waited == 0)                                           \
			waited = pthread_cond_timedwait(&script.changed, &script.lock, &end); \
		pthread_mutex_unlock(&script.lock);                                           \
		if (waited)                                                                   \
			fail_msg("waited for %s; the first call: %s", #condition,             \
				 script.calls[0].text);                                       \
	} while (0)

static int tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < CALLS; i++)
		if (script.calls[i].watcher && !script.calls[i].gone)
			close_call(&script.calls[i]);
	for (size_t i = 0; i < CALLS; i++)
		wait_until(script.calls[i].references == 0);
	watch_hub_stop(hub);
	watch_hub_free(hub);
	return 0;
}

static struct rpc_call *open_call(size_t i, struct watch_start start)
{
	struct rpc_call *call = &script.calls[i];

	call->takes = true;
	call->ended = -1;
	assert_int_equal(watch_hub_add(hub, call, &start), 0);
	return call;
}

static struct watch_start snapshot(void)
{
	uint64_t head = engine_revision(NULL);

	return (struct watch_start){.removals_after = head, .whole_at = head};
}

static struct watch_start from(uint64_t revision)
{
	return (struct watch_start){
		.at = revision, .removals_after = revision, .whole_at = engine_revision(NULL)};
}

/* Marks of these numbers change; a negative one is removed. What they were is overtaken. */
static void change_quietly(const int *numbers, size_t n)
{
	pthread_mutex_lock(&script.lock);
	for (size_t i = 0; i < n; i++) {
		const uint8_t number = (uint8_t)abs(numbers[i]);

		for (uint64_t r = 1; r <= script.head; r++)
			if (script.changes[r].number == number && !script.changes[r].removed)
				script.changes[r].dead = true;
		script.head++;
		script.changes[script.head].number = number;
		script.changes[script.head].removed = numbers[i] < 0;
	}
	pthread_mutex_unlock(&script.lock);
}

#define change(...)                                                               \
	do {                                                                      \
		const int numbers_[] = {__VA_ARGS__};                             \
                                                                                  \
		change_quietly(numbers_, sizeof(numbers_) / sizeof(numbers_[0])); \
		watch_hub_published(hub);                                         \
	} while (0)

/* ---- tests ---- */

static void test_snapshot_then_changes(void **state)
{
	struct rpc_call *call;

	(void)state;
	change(1, 2, 3, -2);
	call = open_call(0, snapshot());
	wait_until(strcmp(call->text, "c0 +1 +3 s4 ") == 0);
	change(4);
	wait_until(strcmp(call->text, "c0 +1 +3 s4 +5 ") == 0);
	change(-1, -4);
	wait_until(strcmp(call->text, "c0 +1 +3 s4 +5 -6 -7 ") == 0);
	assert_int_equal(call->revision, 7);
}

static void test_empty_state_is_synced_at_once(void **state)
{
	struct rpc_call *call;

	(void)state;
	call = open_call(0, snapshot());
	wait_until(strcmp(call->text, "c0 s0 ") == 0);
}

static void test_resume_and_updates_only(void **state)
{
	struct rpc_call *resumed, *updates;

	(void)state;
	change(1, 2, -1);
	resumed = open_call(0, from(1));
	updates = open_call(1, from(3));
	wait_until(strcmp(resumed->text, "c1 +2 -3 s3 ") == 0);
	wait_until(strcmp(updates->text, "c3 s3 ") == 0);
}

static void test_until_synced_ends_well(void **state)
{
	struct watch_start start;
	struct rpc_call *call;

	(void)state;
	change(1, 2);
	start = snapshot();
	start.until_synced = true;
	call = open_call(0, start);
	wait_until(call->ended == 0);
	assert_string_equal(call->text, "c0 +1 +2 s2 ");
	change(3);
	assert_string_equal(call->text, "c0 +1 +2 s2 ");
}

/* What a watch did not take, it gets later: overtaken states left out, removals not. */
static void test_slow_watch_gets_the_latest_and_every_removal(void **state)
{
	struct rpc_call *slow, *fast;

	(void)state;
	slow = open_call(0, snapshot());
	fast = open_call(1, snapshot());
	wait_until(strcmp(slow->text, "c0 s0 ") == 0 && strcmp(fast->text, "c0 s0 ") == 0);
	pthread_mutex_lock(&script.lock);
	slow->takes = false;
	pthread_mutex_unlock(&script.lock);
	change(1);
	wait_until(strcmp(slow->text, "c0 s0 +1 ") == 0);
	change(2);
	wait_until(strstr(fast->text, "+2 ") != NULL);
	change(3, -2);
	wait_until(strstr(fast->text, "-4 ") != NULL);
	change(3);
	wait_until(strstr(fast->text, "+5 ") != NULL);
	assert_string_equal(slow->text, "c0 s0 +1 ");
	pthread_mutex_lock(&script.lock);
	slow->takes = true;
	pthread_mutex_unlock(&script.lock);
	watch_hub_writable(slow->watcher);
	wait_until(slow->revision == 5);
	/* From a page of that time or from one read now. */
	assert_non_null(strstr(slow->text, "-4 "));
	assert_non_null(strstr(slow->text, "+5 "));
}

/* Those that stand at the same place are served by one look into the store. */
static void test_one_look_for_all(void **state)
{
	unsigned int before;

	(void)state;
	for (size_t i = 0; i < CALLS; i++)
		open_call(i, snapshot());
	for (size_t i = 0; i < CALLS; i++)
		wait_until(strcmp(script.calls[i].text, "c0 s0 ") == 0);
	before = script.reads;
	change(1);
	for (size_t i = 0; i < CALLS; i++)
		wait_until(strcmp(script.calls[i].text, "c0 s0 +1 ") == 0);
	assert_int_equal(script.reads, before + 1);
}

static void test_filtered_watch(void **state)
{
	struct watch_start start = snapshot();
	struct rpc_call *call, *all;

	(void)state;
	start.filter.prefix_length = 128;
	start.filter.prefix[15] = 7;
	call = open_call(0, start);
	all = open_call(1, snapshot());
	change(1, 7, 2);
	wait_until(strstr(call->text, "+2 ") != NULL);
	assert_int_equal(call->revision, 3);
	change(-7, -1);
	wait_until(strstr(call->text, "-4 ") != NULL);
	assert_int_equal(call->revision, 5);
	wait_until(strstr(all->text, "-5 ") != NULL);
}

static int set_up_with_heartbeat(void **state)
{
	const struct watch_limits limits = {CALLS, 20 * NANOSECONDS / 1000, INT64_MAX / 4};

	(void)state;
	return set_up_with(&limits);
}

/* Their revision moves on past what the filter keeps back. */
static void test_heartbeats(void **state)
{
	struct watch_start start = snapshot();
	struct rpc_call *call;

	(void)state;
	start.filter.prefix_length = 128;
	call = open_call(0, start);
	wait_until(strstr(call->text, "s0 h0 h0 ") != NULL);
	change(1, 2);
	wait_until(strstr(call->text, "h2 ") != NULL);
	assert_null(strchr(call->text, '+'));
}

static int set_up_with_stall(void **state)
{
	const struct watch_limits limits = {CALLS, NANOSECONDS / 1000,
					    100 * NANOSECONDS / 1000};

	(void)state;
	return set_up_with(&limits);
}

static void test_watch_that_takes_nothing_is_ended(void **state)
{
	struct rpc_call *call = &script.calls[0];
	int64_t began = now_on(CLOCK_MONOTONIC);
	struct watch_start start = snapshot();

	(void)state;
	call->ended = -1;
	assert_int_equal(watch_hub_add(hub, call, &start), 0);
	wait_until(call->ended >= 0);
	assert_int_equal(call->ended, FAULT_RESOURCE_EXHAUSTED);
	assert_string_equal(call->reason, FAULT_REASON_SLOW_CONSUMER);
	assert_true(call->aborted);
	assert_true(now_on(CLOCK_MONOTONIC) - began >= 100 * NANOSECONDS / 1000);
}

static void test_forgotten_removals(void **state)
{
	struct rpc_call *call;

	(void)state;
	change(1, -1);
	call = open_call(0, from(1));
	wait_until(strcmp(call->text, "c1 -2 s2 ") == 0);
	pthread_mutex_lock(&script.lock);
	script.compacted = 4;
	pthread_mutex_unlock(&script.lock);
	change(2, -2, 3);
	wait_until(call->ended >= 0);
	assert_int_equal(call->ended, FAULT_OUT_OF_RANGE);
	assert_string_equal(call->reason, FAULT_REASON_COMPACTED);
}

static void test_store_that_fails(void **state)
{
	struct rpc_call *call;

	(void)state;
	change(1);
	script.error = -EIO;
	call = open_call(0, snapshot());
	wait_until(call->ended >= 0);
	assert_int_equal(call->ended, FAULT_UNAVAILABLE);
	assert_string_equal(call->reason, FAULT_REASON_STORE);
}

static void test_so_many_and_no_more(void **state)
{
	const struct watch_start start = snapshot();
	struct rpc_call more = {.ended = -1};

	(void)state;
	for (size_t i = 0; i < CALLS; i++)
		open_call(i, start);
	assert_int_equal(watch_hub_add(hub, &more, &start), -EBUSY);
	close_call(&script.calls[3]);
	wait_until(script.calls[3].references == 0);
	assert_int_equal(watch_hub_add(hub, &more, &start), 0);
	close_call(&more);
	wait_until(more.references == 0);
}

/* Calls that come and go while changes are published and sent. */
static atomic_bool writing;

static void *write_changes(void *argument)
{
	(void)argument;
	while (atomic_load(&writing)) {
		pthread_mutex_lock(&script.lock);
		if (script.head < 60)
			script.head++;
		pthread_mutex_unlock(&script.lock);
		watch_hub_published(hub);
	}
	return NULL;
}

static void test_coming_and_going(void **state)
{
	pthread_t writer;

	(void)state;
	atomic_store(&writing, true);
	assert_int_equal(pthread_create(&writer, NULL, write_changes, NULL), 0);
	for (int round = 0; round < 200; round++) {
		struct rpc_call *call = &script.calls[round % CALLS];

		if (round >= CALLS) {
			close_call(call);
			wait_until(call->references == 0);
		}
		memset(call, 0, sizeof(*call));
		open_call((size_t)(round % CALLS), snapshot());
	}
	for (size_t i = 0; i < CALLS; i++)
		wait_until(strstr(script.calls[i].text, "s") != NULL);
	atomic_store(&writing, false);
	pthread_join(writer, NULL);
}

#define TEST_WITH(name, set_up) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST(name) TEST_WITH(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_snapshot_then_changes),
		TEST(test_empty_state_is_synced_at_once),
		TEST(test_resume_and_updates_only),
		TEST(test_until_synced_ends_well),
		TEST(test_slow_watch_gets_the_latest_and_every_removal),
		TEST(test_one_look_for_all),
		TEST(test_filtered_watch),
		TEST_WITH(test_heartbeats, set_up_with_heartbeat),
		TEST_WITH(test_watch_that_takes_nothing_is_ended, set_up_with_stall),
		TEST(test_forgotten_removals),
		TEST(test_store_that_fails),
		TEST(test_so_many_and_no_more),
		TEST(test_coming_and_going),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
