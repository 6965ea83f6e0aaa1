/* SPDX-License-Identifier: Apache-2.0 */
#include "waymark/watch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "clients/cleanup.h"
#include "clock.h"
#include "error.h"
#include "message.h"
#include "position.h"
#include "retry.h"
#include "stream.h"

#define PATH "/waymark.v1.MarkerService/WatchMarks"

struct waymark_watch {
	const struct waymark_client *client;
	Waymark__V1__WatchMarksRequest *request; /* as the user asked */

	/* What waymark_watch_cancel() shares with the thread in waymark_watch_next(). */
	pthread_mutex_t lock;
	bool cancelled;
	bool streaming; /* the stream is there; only the thread in next() makes and ends it */
	struct stream stream;
	/* Wakes a pause: a call that is never made, whose queue gets an event by cancelling. */
	grpc_completion_queue *bell_queue;
	grpc_call *bell;

	struct position position;
	struct retry retry;
	int64_t connect_at;
	bool stood; /* at least once */
	bool lost; /* the user knows */
	bool synced;
	Waymark__V1__WatchMarksResponse *message; /* the user's until the next one */
	struct waymark_error end; /* why there is no more to come */
};

/* The result of the steps below: an event is there, another step has to follow, or a code. */
enum { HAVE_EVENT = 0, GO_ON = -1 };

static void watch_release_message(struct waymark_watch *watch)
{
	if (watch->message)
		waymark__v1__watch_marks_response__free_unpacked(take(watch->message), NULL);
}

static Waymark__V1__WatchMarksRequest *
request_copy(const Waymark__V1__WatchMarksRequest *request)
{
	const Waymark__V1__WatchMarksRequest all = WAYMARK__V1__WATCH_MARKS_REQUEST__INIT;
	cleanup(destroy_byte_buffer) grpc_byte_buffer *bytes =
		message_pack(request ? &request->base : &all.base);

	return (Waymark__V1__WatchMarksRequest *)message_unpack(all.base.descriptor, bytes);
}

static void bell_init(struct waymark_watch *watch)
{
	const struct call_terms terms = {
		.channel = watch->client->channel,
		.path = PATH,
		.deadline = NEVER,
	};

	watch->bell_queue = grpc_completion_queue_create_for_pluck(NULL);
	watch->bell = call_new(&terms, watch->bell_queue);
}

static void bell_ring(struct waymark_watch *watch)
{
	(void)grpc_call_start_batch(watch->bell, NULL, 0, watch->bell, NULL);
}

/* At once, where it has rung already; but only the first time. */
static void bell_wait(struct waymark_watch *watch, int64_t until)
{
	queue_wait(watch->bell_queue, watch->bell, until);
}

static void bell_done(struct waymark_watch *watch)
{
	bell_wait(watch, 0);
	grpc_call_unref(watch->bell);
	completion_queue_free(watch->bell_queue);
}

int waymark_watch_open(struct waymark_client *client,
		       const Waymark__V1__WatchMarksRequest *request,
		       struct waymark_watch **ret, struct waymark_error *error)
{
	struct waymark_watch *watch = calloc(1, sizeof(*watch));

	if (watch)
		watch->request = request_copy(request);
	if (!watch || !watch->request) {
		free(watch);
		return error_set(error, WAYMARK_INTERNAL, "", "no memory");
	}
	watch->client = client;
	watch->retry.max_attempts =
		client->wait_for_ready ? RETRY_FOR_EVER : client->max_attempts;
	pthread_mutex_init(&watch->lock, NULL);
	bell_init(watch);
	*ret = watch;
	return 0;
}

static void watch_disconnect(struct waymark_watch *watch)
{
	bool streaming;

	pthread_mutex_lock(&watch->lock);
	streaming = watch->streaming;
	watch->streaming = false;
	pthread_mutex_unlock(&watch->lock);
	if (streaming)
		stream_done(&watch->stream);
}

void waymark_watch_close(struct waymark_watch *watch)
{
	if (!watch)
		return;
	watch_disconnect(watch);
	watch_release_message(watch);
	waymark__v1__watch_marks_request__free_unpacked(watch->request, NULL);
	bell_done(watch);
	pthread_mutex_destroy(&watch->lock);
	free(watch);
}

void waymark_watch_cancel(struct waymark_watch *watch)
{
	pthread_mutex_lock(&watch->lock);
	if (!watch->cancelled)
		bell_ring(watch);
	if (watch->streaming)
		stream_cancel(&watch->stream);
	watch->cancelled = true;
	pthread_mutex_unlock(&watch->lock);
}

static bool watch_is_cancelled(struct waymark_watch *watch)
{
	bool cancelled;

	pthread_mutex_lock(&watch->lock);
	cancelled = watch->cancelled;
	pthread_mutex_unlock(&watch->lock);
	return cancelled;
}

static void watch_start(struct waymark_watch *watch)
{
	const Waymark__V1__WatchMarksRequest request =
		position_request(&watch->position, watch->request);
	const struct call_terms terms = {
		.channel = watch->client->channel,
		.path = PATH,
		.deadline = NEVER,
		/* Once it stood, the C core's own attempts to connect set the pace. */
		.wait_for_ready = watch->client->wait_for_ready || watch->stood,
	};

	stream_init(&watch->stream, &terms, message_pack(&request.base));
	watch->streaming = true;
	watch->synced = false;
}

/* Starts the stream when its time has come, unless the deadline comes first. */
static int watch_connect(struct waymark_watch *watch, int64_t deadline)
{
	const int64_t until = watch->connect_at < deadline ? watch->connect_at : deadline;
	int code = GO_ON;

	if (!watch->streaming && !watch_is_cancelled(watch) && clock_ms() < until)
		bell_wait(watch, until);
	pthread_mutex_lock(&watch->lock);
	if (watch->cancelled)
		code = WAYMARK_CANCELLED;
	else if (!watch->streaming && deadline < watch->connect_at)
		code = WAYMARK_DEADLINE_EXCEEDED;
	else if (!watch->streaming)
		watch_start(watch);
	pthread_mutex_unlock(&watch->lock);
	return code;
}

static enum waymark_watch_type type_of(const Waymark__V1__WatchMarksResponse *message)
{
	switch (message->content_case) {
	case WAYMARK__V1__WATCH_MARKS_RESPONSE__CONTENT_CREATED:
		return WAYMARK_WATCH_CREATED;
	case WAYMARK__V1__WATCH_MARKS_RESPONSE__CONTENT_EVENTS:
		return WAYMARK_WATCH_CHANGES;
	case WAYMARK__V1__WATCH_MARKS_RESPONSE__CONTENT_SYNCED:
		return WAYMARK_WATCH_SYNCED;
	case WAYMARK__V1__WATCH_MARKS_RESPONSE__CONTENT_HEARTBEAT:
		return WAYMARK_WATCH_HEARTBEAT;
	default:
		return 0;
	}
}

/* Hands the message out. */
static int watch_deliver(struct waymark_watch *watch, grpc_byte_buffer *bytes,
			 struct waymark_event *ret)
{
	enum waymark_watch_type type;

	watch->message = (Waymark__V1__WatchMarksResponse *)message_unpack(
		&waymark__v1__watch_marks_response__descriptor, bytes);
	if (!watch->message)
		return error_set(&watch->end, WAYMARK_INTERNAL, "",
				 "%s: the answer is no waymark.v1.WatchMarksResponse", PATH);
	type = type_of(watch->message);
	watch->stood = true;
	watch->lost = false;
	watch->synced = watch->synced || type == WAYMARK_WATCH_SYNCED;
	watch->retry.max_attempts = RETRY_FOR_EVER;
	if (type != WAYMARK_WATCH_CREATED)
		watch->retry.failures = 0;
	position_take(&watch->position, watch->request, watch->message);
	if (!type) { /* of a newer agent */
		watch_release_message(watch);
		return GO_ON;
	}
	*ret = (struct waymark_event){.type = type, .message = watch->message};
	return HAVE_EVENT;
}

static bool is_reason(const struct waymark_error *error, int code, const char *reason)
{
	return error->code == code && strcmp(error->reason, reason) == 0;
}

static int watch_end(struct waymark_watch *watch, const struct waymark_error *cause)
{
	watch->end = *cause;
	return cause->code;
}

/* The stream ended because nobody took its messages, or will be tried again anyway. */
static int watch_retry(struct waymark_watch *watch, const struct waymark_error *cause,
		       struct waymark_event *ret)
{
	struct waymark_error passing = *cause;
	int64_t pause;

	if (is_reason(cause, WAYMARK_RESOURCE_EXHAUSTED, "SLOW_CONSUMER"))
		passing.code = WAYMARK_UNAVAILABLE;
	pause = retry_pause(&watch->retry, &passing);
	if (pause < 0)
		return watch_end(watch, cause);
	watch->connect_at = clock_after(pause);
	if (!watch->stood || watch->lost)
		return GO_ON;
	watch->lost = true;
	*ret = (struct waymark_event){.type = WAYMARK_WATCH_LOST, .cause = *cause};
	return HAVE_EVENT;
}

/* The stream has ended. */
static int watch_break(struct waymark_watch *watch, struct waymark_event *ret)
{
	struct waymark_error cause = {0};

	(void)stream_finish(&watch->stream, &cause);
	watch_disconnect(watch);
	if (!cause.code && watch->request->until_synced && watch->synced) {
		*ret = (struct waymark_event){.type = WAYMARK_WATCH_END};
		(void)error_set(&watch->end, WAYMARK_OUT_OF_RANGE, "", "the watch is complete");
		return HAVE_EVENT;
	}
	if (!cause.code)
		(void)error_set(&cause, WAYMARK_UNAVAILABLE, "", "the agent ended the watch");
	if ((is_reason(&cause, WAYMARK_OUT_OF_RANGE, "COMPACTED") ||
	     is_reason(&cause, WAYMARK_OUT_OF_RANGE, "STATE_CHANGED")) &&
	    position_reset(&watch->position, watch->request)) {
		*ret = (struct waymark_event){.type = WAYMARK_WATCH_RESET, .cause = cause};
		return HAVE_EVENT;
	}
	return watch_retry(watch, &cause, ret);
}

static int watch_step(struct waymark_watch *watch, int64_t deadline, struct waymark_event *ret)
{
	cleanup(destroy_byte_buffer) grpc_byte_buffer *bytes = NULL;
	int code = watch_connect(watch, deadline);

	if (code != GO_ON)
		return code;
	if (!stream_receive(&watch->stream, deadline, &bytes))
		return WAYMARK_DEADLINE_EXCEEDED;
	if (watch_is_cancelled(watch))
		return WAYMARK_CANCELLED;
	return bytes ? watch_deliver(watch, bytes, ret) : watch_break(watch, ret);
}

int waymark_watch_next(struct waymark_watch *watch, int64_t timeout_ms,
		       struct waymark_event *ret, struct waymark_error *error)
{
	const int64_t deadline = clock_after(timeout_ms);
	int code = watch->end.code ? watch->end.code : GO_ON;

	watch_release_message(watch);
	while (code == GO_ON)
		code = watch_step(watch, deadline, ret);
	if (code == HAVE_EVENT)
		return 0;
	if (watch->end.code && error)
		*error = watch->end;
	else if (code == WAYMARK_CANCELLED)
		(void)error_set(error, code, "", "the watch was cancelled");
	else if (code == WAYMARK_DEADLINE_EXCEEDED)
		(void)error_set(error, code, "", "no event within %lld ms",
				(long long)timeout_ms);
	return code;
}
