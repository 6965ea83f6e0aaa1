/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serves all watches from one thread, which looks for changes when the engine has published
 * some, and rests three times as long as it has worked, 10 ms at least, unless it has come upon
 * nothing but what is overtaken: the more watches and changes there are, the larger are the
 * batches.
 *
 * Life: new, engine_new() with watch_hub_published(), start, the server's whole life, stop,
 * engine_free(), free.
 */
#ifndef WAYMARK_WATCH_HUB_H
#define WAYMARK_WATCH_HUB_H

#include "service/watcher.h"

/* NULL: no memory. */
struct watch_hub *watch_hub_new(const struct watch_limits *limits);

/* The service is borrowed until stop. 0 or negative errno. */
int watch_hub_start(struct watch_hub *hub, const struct service *service);

/* Once no call is left: until then the thread is needed to let go of them. Also if it was never
 * started. NULL is fine. */
void watch_hub_stop(struct watch_hub *hub);
void watch_hub_free(struct watch_hub *hub);

/* Watches that are open. Any thread. */
unsigned int watch_hub_count(struct watch_hub *hub);

/* There are changes. Any thread, which it does not hold up. */
void watch_hub_published(struct watch_hub *hub);

/* Adds a watch on this call, whose data it becomes. 0; -EBUSY: there are as many as there may
 * be; -ENOMEM. On the call's own thread, as are the next two. */
int watch_hub_add(struct watch_hub *hub, struct rpc_call *call,
		  const struct watch_start *start);
void watch_hub_writable(struct watcher *watcher);
/* The watch is the hub's alone from here on. */
void watch_hub_closed(struct watcher *watcher);

#endif
