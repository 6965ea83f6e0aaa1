/* SPDX-License-Identifier: Apache-2.0 */
#include "service/watcher.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "core/engine.h"
#include "core/fault.h"
#include "now.h"
#include "service/handlers.h"
#include "service/service.h"
#include "service/wire.h"

typedef Waymark__V1__WatchMarksResponse response;

struct watcher *watcher_new(struct watch_hub *hub, struct rpc_call *call,
			    const struct watch_start *start)
{
	struct watcher *watcher = calloc(1, sizeof(*watcher));

	if (!watcher)
		return NULL;
	watcher->hub = hub;
	watcher->call = rpc_call_ref(call);
	watcher->start = *start;
	watcher->filtered = list_filter_is_lasting(&start->filter);
	watcher->sent = now_on(CLOCK_MONOTONIC);
	atomic_init(&watcher->writable, true);
	atomic_init(&watcher->hurried, true);
	return watcher;
}

void watcher_free(struct watcher *watcher)
{
	rpc_call_unref(watcher->call);
	free(watcher);
}

/* ---- ends ---- */

static void end(struct watcher *watcher)
{
	watcher->phase = WATCH_ENDED;
}

static void refuse(struct watcher *watcher, const struct fault *fault)
{
	reply_fault(watcher->call, fault);
	end(watcher);
}

static void end_unreadable(struct watcher *watcher, int error)
{
	struct fault fault;

	if (error == -ESTALE) {
		fault_set(&fault, FAULT_OUT_OF_RANGE, FAULT_REASON_COMPACTED, NULL,
			  "removals after revision %" PRIu64
			  " are forgotten: the watch was too slow, start without resume",
			  watcher->start.at);
		refuse(watcher, &fault);
		return;
	}
	reply_store(watcher->call, error);
	end(watcher);
}

/* Whoever takes nothing does not take a status with details either. */
static void end_slow(struct watcher *watcher, int64_t stall)
{
	struct rpc_status status = {.code = 0};
	struct fault fault;

	fault_set(&fault, FAULT_RESOURCE_EXHAUSTED, FAULT_REASON_SLOW_CONSUMER, NULL,
		  FAULT_REASON_SLOW_CONSUMER ": the client has taken nothing for %" PRId64 " s",
		  stall / NANOSECONDS);
	wire_status(&status, &fault);
	rpc_call_abort(watcher->call, &status);
	end(watcher);
}

/* ---- messages ---- */

/* Before a message: its `writable` may come while it is being sent. at: where the watch will be
 * then; head: how far there is more for it. */
static void begin(struct watcher *watcher, uint64_t at, uint64_t head)
{
	atomic_store(&watcher->waited_for, at < head);
	atomic_store(&watcher->writable, false);
}

/* A message that could not be sent is one to a client that is gone: `closed` follows. */
static bool note_sent(struct watcher *watcher, int r, int64_t now)
{
	watcher->sent = now;
	return r == 0;
}

static bool send_message(struct watcher *watcher, response *message, uint64_t head, int64_t now)
{
	const struct service *service = rpc_call_service(watcher->call);
	Waymark__V1__ResponseHeader header;
	int r;

	reply_header(&header, service, watcher->start.at);
	message->header = &header;
	begin(watcher, watcher->start.at, head);
	r = rpc_call_send(watcher->call, &message->base);
	message->header = NULL;
	return note_sent(watcher, r, now);
}

static void send_created(struct watcher *watcher, uint64_t head, int64_t now)
{
	const struct service *service = rpc_call_service(watcher->call);
	response message = WAYMARK__V1__WATCH_MARKS_RESPONSE__INIT;
	Waymark__V1__WatchCreated created = WAYMARK__V1__WATCH_CREATED__INIT;

	created.compact_revision = engine_compact_revision(service->engine);
	message.content_case = WAYMARK__V1__WATCH_MARKS_RESPONSE__CONTENT_CREATED;
	message.created = &created;
	if (send_message(watcher, &message, head, now))
		watcher->phase = WATCH_CATCHING_UP;
}

static void send_synced(struct watcher *watcher, uint64_t head, int64_t now)
{
	response message = WAYMARK__V1__WATCH_MARKS_RESPONSE__INIT;
	Waymark__V1__WatchSynced synced = WAYMARK__V1__WATCH_SYNCED__INIT;

	message.content_case = WAYMARK__V1__WATCH_MARKS_RESPONSE__CONTENT_SYNCED;
	message.synced = &synced;
	atomic_store(&watcher->hurried, false);
	if (!send_message(watcher, &message, head, now))
		return;
	watcher->phase = WATCH_FOLLOWING;
	if (watcher->start.until_synced) {
		rpc_call_finish(watcher->call, NULL, NULL);
		end(watcher);
	}
}

static void send_heartbeat(struct watcher *watcher, uint64_t head, int64_t now)
{
	response message = WAYMARK__V1__WATCH_MARKS_RESPONSE__INIT;
	Waymark__V1__WatchHeartbeat heartbeat = WAYMARK__V1__WATCH_HEARTBEAT__INIT;

	message.content_case = WAYMARK__V1__WATCH_MARKS_RESPONSE__CONTENT_HEARTBEAT;
	message.heartbeat = &heartbeat;
	send_message(watcher, &message, head, now);
}

/* ---- changes ---- */

static void advance(struct watcher *watcher, const struct watch_page *page)
{
	watcher->start.at = page->to;
	if (watcher->start.whole_at < page->whole_at)
		watcher->start.whole_at = page->whole_at;
}

/* True: nothing was sent, but the cursor has moved. */
static bool send_changes(struct watcher *watcher, struct watch_pages *pages, uint64_t head,
			 int64_t now)
{
	const struct rpc_packed *packed = NULL;
	int r;
	struct watch_page *page =
		watch_pages_get(pages, watcher->start.at, watcher->start.removals_after, &r);

	if (!page) {
		end_unreadable(watcher, r);
		return false;
	}
	r = watch_page_pack(pages, page, watcher->filtered ? &watcher->start.filter : NULL,
			    &packed);
	if (r < 0) {
		end_unreadable(watcher, r);
		return false;
	}
	if (!packed) {
		bool moved = page->to > watcher->start.at;

		advance(watcher, page);
		return moved;
	}
	begin(watcher, page->to, head);
	if (note_sent(watcher, rpc_call_send_packed(watcher->call, packed), now))
		advance(watcher, page);
	return false;
}

/* ---- turns ---- */

static bool is_whole(const struct watcher *watcher)
{
	return watcher->start.at >= watcher->start.whole_at;
}

static bool has_news(const struct watcher *watcher, const struct watch_limits *limits,
		     uint64_t head, int64_t now)
{
	return watcher->phase != WATCH_FOLLOWING || watcher->start.at < head ||
	       now - watcher->sent >= limits->heartbeat;
}

/* If not, its call will say when it is. */
static bool is_writable(struct watcher *watcher)
{
	if (atomic_load(&watcher->writable))
		return true;
	atomic_store(&watcher->waited_for, true);
	return atomic_load(&watcher->writable);
}

bool watcher_serve(struct watcher *watcher, struct watch_pages *pages,
		   const struct watch_limits *limits, uint64_t head, int64_t now)
{
	if (watcher->phase == WATCH_ENDED || !has_news(watcher, limits, head, now))
		return false;
	if (!is_writable(watcher)) {
		if (now - watcher->sent >= limits->stall)
			end_slow(watcher, limits->stall);
		return false;
	}
	if (watcher->phase == WATCH_NEW)
		send_created(watcher, head, now);
	else if (watcher->phase == WATCH_CATCHING_UP && is_whole(watcher))
		send_synced(watcher, head, now);
	else if (watcher->start.at < head)
		return send_changes(watcher, pages, head, now);
	else if (now - watcher->sent >= limits->heartbeat)
		send_heartbeat(watcher, head, now);
	return false;
}

int64_t watcher_due(const struct watcher *watcher, const struct watch_limits *limits)
{
	if (watcher->phase == WATCH_ENDED)
		return INT64_MAX;
	if (!atomic_load(&watcher->writable))
		return watcher->sent + limits->stall;
	return watcher->sent + limits->heartbeat;
}
