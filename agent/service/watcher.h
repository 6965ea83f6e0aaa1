/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One watch: a cursor over the changes, and the call that they are sent on. Everything is the
 * hub's thread's but for what is atomic.
 */
#ifndef WAYMARK_WATCHER_H
#define WAYMARK_WATCHER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "rpc/call.h"
#include "service/list_filter.h"
#include "service/watch_page.h"

struct watch_hub;

/* What a client asks for. */
struct watch_start {
	struct list_filter filter;
	uint64_t at; /* the client has everything up to here */
	uint64_t removals_after; /* no removals up to here: it knows of nothing that they remove
				  */
	uint64_t whole_at; /* its state is whole when it has come so far */
	bool until_synced;
};

struct watch_limits {
	unsigned int watchers; /* at once */
	int64_t heartbeat, stall; /* ns */
};

enum watch_phase { WATCH_NEW, WATCH_CATCHING_UP, WATCH_FOLLOWING, WATCH_ENDED };

struct watcher {
	struct watch_hub *hub;
	struct rpc_call *call; /* with a reference */
	struct watch_start start; /* `at` and `whole_at` move on */
	bool filtered;
	enum watch_phase phase;
	int64_t sent; /* monotonic ns: when something was sent last */
	struct watcher *next;

	/* Set and read by the hub and by the call's callbacks. */
	atomic_bool writable; /* the last message was taken over */
	atomic_bool waited_for; /* the hub would have sent something */
	atomic_bool hurried; /* still catching up: not to be kept waiting */
	atomic_bool closed; /* the call's last callback has come */
};

/* NULL: no memory. */
struct watcher *watcher_new(struct watch_hub *hub, struct rpc_call *call,
			    const struct watch_start *start);
void watcher_free(struct watcher *watcher);

/* Does the next thing that is due, at most one message. head: revision up to which there may be
 * changes; now: on CLOCK_MONOTONIC. True: there is more to do that nothing announces. */
bool watcher_serve(struct watcher *watcher, struct watch_pages *pages,
		   const struct watch_limits *limits, uint64_t head, int64_t now);

/* When it is to be served even if nothing happens; INT64_MAX: never. */
int64_t watcher_due(const struct watcher *watcher, const struct watch_limits *limits);

#endif
