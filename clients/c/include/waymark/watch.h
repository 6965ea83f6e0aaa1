/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WatchMarks: follows the marks of an agent, across lost connections and restarts of the agent.
 *
 *	struct waymark_watch *watch;
 *	struct waymark_event event;
 *
 *	if (waymark_watch_open(client, &request, &watch, &error))
 *		return error.code;
 *	while (!(code = waymark_watch_next(watch, -1, &event, &error))) {
 *		if (event.type == WAYMARK_WATCH_RESET)
 *			forget every mark;
 *		else if (event.type == WAYMARK_WATCH_CHANGES)
 *			apply each of event.message->events->events;
 *	}
 *	waymark_watch_close(watch);
 *
 * When the connection or the agent goes, the library connects again and resumes after the last
 * message that it has handed out, by (state_id, revision): nothing is missed, nothing comes
 * twice. Where the agent cannot resume from there, WAYMARK_WATCH_RESET says so, and a snapshot
 * follows.
 */
#ifndef WAYMARK_WATCH_H
#define WAYMARK_WATCH_H

#include <waymark/client.h>

#ifdef __cplusplus
extern "C" {
#endif

struct waymark_watch;

enum waymark_watch_type {
	/* The watch stands, for the first time or again after LOST. */
	WAYMARK_WATCH_CREATED = 1,
	/* message->events: puts and removals, rising in revision. */
	WAYMARK_WATCH_CHANGES = 2,
	/* The fold of all changes so far is the agent's state as of message->header->revision.
	 * Comes after the snapshot, and again after each resume. */
	WAYMARK_WATCH_SYNCED = 3,
	/* Nothing new; message->header->revision moves on all the same. */
	WAYMARK_WATCH_HEARTBEAT = 4,
	/* What was handed out so far is void: forget it. A snapshot follows (with updates_only
	 * none: changes have been missed). `cause` says why: reason COMPACTED or
	 * STATE_CHANGED. */
	WAYMARK_WATCH_RESET = 5,
	/* The watch was interrupted, and the library is about to resume it; until
	 * WAYMARK_WATCH_SYNCED the marks may be older than the agent's. `cause` says why. Once
	 * for each interruption, however often it has to try. */
	WAYMARK_WATCH_LOST = 6,
	/* A watch with until_synced is complete. The last event: WAYMARK_OUT_OF_RANGE after it.
	 */
	WAYMARK_WATCH_END = 7,
};

/* One event. Nothing to free. */
struct waymark_event {
	enum waymark_watch_type type;
	/* CREATED, CHANGES, SYNCED, HEARTBEAT: the message of the agent; NULL otherwise.
	 * Belongs to the watch until its next waymark_watch_next() or waymark_watch_close(). */
	const Waymark__V1__WatchMarksResponse *message;
	/* RESET, LOST: as an error of a call. Code 0 otherwise. */
	struct waymark_error cause;
};

/*
 * Prepares a watch; waymark_watch_next() connects. `request` is copied; NULL: all marks. With
 * resume_state_id and resume_revision of a message it goes on after that one, for instance of
 * an earlier run of the program. INTERNAL: no memory.
 */
int waymark_watch_open(struct waymark_client *client,
		       const Waymark__V1__WatchMarksRequest *request,
		       struct waymark_watch **ret, struct waymark_error *error);

/*
 * Waits for the next event, timeout_ms at most; 0: only what is there; negative: for ever. One
 * thread at a time for one watch. 0: *ret is it. Else:
 * DEADLINE_EXCEEDED: nothing within timeout_ms; the watch goes on.
 * CANCELLED: waymark_watch_cancel() was called.
 * Others end the watch, and every later call returns the same: the refusals of marker.proto,
 * and UNAVAILABLE where the agent was never reached (as a call: waymark_options.max_attempts,
 * or no end with wait_for_ready) or asks not to come back. Once the watch has stood, it is
 * resumed for ever: after the codes after which a call is repeated, and after
 * RESOURCE_EXHAUSTED / SLOW_CONSUMER (60 s in which nobody took an event). While the agent
 * cannot be reached, the library tries to connect at least every 5 s.
 */
int waymark_watch_next(struct waymark_watch *watch, int64_t timeout_ms,
		       struct waymark_event *ret, struct waymark_error *error);

/* Makes waymark_watch_next() return CANCELLED, a waiting one at once and every later one. Any
 * thread, also several times; not a signal handler. */
void waymark_watch_cancel(struct waymark_watch *watch);

/* Ends the watch and frees it. No other call on it may be under way. NULL is fine. */
void waymark_watch_close(struct waymark_watch *watch);

#ifdef __cplusplus
}
#endif

#endif
