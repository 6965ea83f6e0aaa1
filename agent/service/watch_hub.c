/* SPDX-License-Identifier: Apache-2.0 */
#include "service/watch_hub.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/engine.h"
#include "cleanup.h"
#include "now.h"
#include "rpc/signals.h"
#include "service/service.h"

/* Between two looks for changes, and how much longer than a look itself: marks are set in the
 * meantime. A second hand is fast enough for whoever has that many watches. */
#define PAUSE_MIN (10 * MILLISECOND)
#define PAUSE_MAX (250 * MILLISECOND)
#define PAUSE_FACTOR 3

/* Behind the writer and the threads that serve calls, but not so far that a turn at the
 * engine's lock would take long. */
#define NICENESS 5

/* What the thread is called for. */
enum { CALL_FOR_NEWS = 1 << 0, CALL_URGENTLY = 1 << 1 };

/* Which calls end its sleep. */
enum hub_sleep {
	HUB_AWAKE = 0,
	HUB_PAUSES = CALL_URGENTLY,
	HUB_IDLES = CALL_FOR_NEWS | CALL_URGENTLY
};

struct watch_hub {
	struct watch_limits limits;
	const struct service *service;
	pthread_t thread;
	bool started;
	int event; /* wakes the thread */
	atomic_uint calls; /* since it looked last */
	atomic_uint sleep; /* enum hub_sleep */
	atomic_bool stopping;
	atomic_uint n_watchers; /* with the arrivals */

	pthread_mutex_t lock; /* of the arrivals */
	struct watcher *arrivals;

	/* The thread's own. */
	struct watcher *watchers;
	struct watch_pages pages;
};

/* ---- sleeping and waking ---- */

static void call_hub(struct watch_hub *hub, unsigned int why)
{
	const uint64_t one = 1;
	unsigned int sleep;

	atomic_fetch_or(&hub->calls, why);
	sleep = atomic_load(&hub->sleep);
	/* Only the first caller writes. */
	if (sleep & why && atomic_compare_exchange_strong(&hub->sleep, &sleep, HUB_AWAKE) &&
	    write(hub->event, &one, sizeof(one)) < 0)
		return; /* it is full: the thread will wake */
}

static int timeout_until(int64_t until, int64_t now)
{
	int64_t left;

	if (until == INT64_MAX)
		return -1;
	left = (until - now + MILLISECOND - 1) / MILLISECOND;
	if (left < 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}

static void hub_sleep(struct watch_hub *hub, enum hub_sleep how, int64_t until)
{
	struct pollfd event = {.fd = hub->event, .events = POLLIN};
	uint64_t ignored;

	atomic_store(&hub->sleep, how);
	if (!(atomic_load(&hub->calls) & how))
		poll(&event, 1, timeout_until(until, now_on(CLOCK_MONOTONIC)));
	atomic_store(&hub->sleep, HUB_AWAKE);
	/* A call that comes late leaves its mark for the next sleep, which is then cut short.
	 */
	if (read(hub->event, &ignored, sizeof(ignored)) < 0)
		return;
}

/* ---- rounds ---- */

static void adopt_arrivals(struct watch_hub *hub)
{
	struct watcher *watcher;

	pthread_mutex_lock(&hub->lock);
	watcher = take(hub->arrivals);
	pthread_mutex_unlock(&hub->lock);
	while (watcher) {
		struct watcher *next = watcher->next;

		watcher->next = hub->watchers;
		hub->watchers = watcher;
		watcher = next;
	}
}

static void drop(struct watch_hub *hub, struct watcher **at)
{
	struct watcher *watcher = *at;

	*at = watcher->next;
	/* First: once the call is gone, its place is free. */
	atomic_fetch_sub(&hub->n_watchers, 1);
	watcher_free(watcher);
}

/* Serves each watch once. True: some have more to do at once. */
static bool serve_all(struct watch_hub *hub)
{
	uint64_t head = engine_revision(hub->service->engine);
	int64_t now = now_on(CLOCK_MONOTONIC);
	bool again = false;

	adopt_arrivals(hub);
	for (struct watcher **at = &hub->watchers; *at;) {
		if (atomic_load(&(*at)->closed)) {
			drop(hub, at);
			continue;
		}
		again |= watcher_serve(*at, &hub->pages, &hub->limits, head, now);
		at = &(*at)->next;
	}
	if (!hub->watchers)
		watch_pages_clear(&hub->pages);
	return again;
}

static int64_t next_due(const struct watch_hub *hub)
{
	int64_t next = INT64_MAX;

	for (const struct watcher *watcher = hub->watchers; watcher; watcher = watcher->next) {
		int64_t due = watcher_due(watcher, &hub->limits);

		if (due < next)
			next = due;
	}
	return next;
}

static int64_t pause_after(int64_t duration)
{
	int64_t pause = PAUSE_FACTOR * duration;

	if (pause < PAUSE_MIN)
		return PAUSE_MIN;
	return pause > PAUSE_MAX ? PAUSE_MAX : pause;
}

static void *run(void *user)
{
	struct watch_hub *hub = user;

	pthread_setname_np(pthread_self(), "watches");
	/* Of this thread alone, as Linux has it. It may be refused: then it is not as modest.
	 */
	setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS);
	while (!atomic_load(&hub->stopping)) {
		int64_t began = now_on(CLOCK_MONOTONIC), ended;

		atomic_store(&hub->calls, 0);
		if (serve_all(hub))
			continue;
		ended = now_on(CLOCK_MONOTONIC);
		if (!hub->watchers) {
			hub_sleep(hub, HUB_PAUSES, INT64_MAX);
			continue;
		}
		hub_sleep(hub, HUB_PAUSES, ended + pause_after(ended - began));
		if (!(atomic_load(&hub->calls) & CALL_URGENTLY))
			hub_sleep(hub, HUB_IDLES, next_due(hub));
	}
	return NULL;
}

/* ---- life ---- */

struct watch_hub *watch_hub_new(const struct watch_limits *limits)
{
	struct watch_hub *hub = calloc(1, sizeof(*hub));

	if (!hub)
		return NULL;
	hub->limits = *limits;
	pthread_mutex_init(&hub->lock, NULL);
	hub->event = -1;
	return hub;
}

int watch_hub_start(struct watch_hub *hub, const struct service *service)
{
	int r;

	hub->service = service;
	hub->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (hub->event < 0)
		return -errno;
	watch_pages_init(&hub->pages, service);
	r = signals_thread(&hub->thread, run, hub);
	hub->started = r == 0;
	return r;
}

void watch_hub_stop(struct watch_hub *hub)
{
	if (!hub || !hub->started)
		return;
	atomic_store(&hub->stopping, true);
	call_hub(hub, CALL_URGENTLY);
	pthread_join(hub->thread, NULL);
	hub->started = false;
}

void watch_hub_free(struct watch_hub *hub)
{
	if (!hub)
		return;
	/* What is left was closed after the last round. */
	adopt_arrivals(hub);
	while (hub->watchers)
		drop(hub, &hub->watchers);
	watch_pages_done(&hub->pages);
	if (hub->event >= 0)
		close(hub->event);
	pthread_mutex_destroy(&hub->lock);
	free(hub);
}

/* ---- from other threads ---- */

void watch_hub_published(struct watch_hub *hub)
{
	call_hub(hub, CALL_FOR_NEWS);
}

unsigned int watch_hub_count(struct watch_hub *hub)
{
	return atomic_load(&hub->n_watchers);
}

int watch_hub_add(struct watch_hub *hub, struct rpc_call *call, const struct watch_start *start)
{
	struct watcher *watcher;

	if (atomic_fetch_add(&hub->n_watchers, 1) >= hub->limits.watchers) {
		atomic_fetch_sub(&hub->n_watchers, 1);
		return -EBUSY;
	}
	watcher = watcher_new(hub, call, start);
	if (!watcher) {
		atomic_fetch_sub(&hub->n_watchers, 1);
		return -ENOMEM;
	}
	rpc_call_set_data(call, watcher);
	pthread_mutex_lock(&hub->lock);
	watcher->next = hub->arrivals;
	hub->arrivals = watcher;
	pthread_mutex_unlock(&hub->lock);
	call_hub(hub, CALL_URGENTLY);
	return 0;
}

void watch_hub_writable(struct watcher *watcher)
{
	struct watch_hub *hub = watcher->hub;

	atomic_store(&watcher->writable, true);
	if (atomic_load(&watcher->hurried))
		call_hub(hub, CALL_URGENTLY);
	else if (atomic_load(&watcher->waited_for))
		call_hub(hub, CALL_FOR_NEWS);
}

void watch_hub_closed(struct watcher *watcher)
{
	struct watch_hub *hub = watcher->hub;

	atomic_store(&watcher->closed, true);
	call_hub(hub, CALL_FOR_NEWS);
}
