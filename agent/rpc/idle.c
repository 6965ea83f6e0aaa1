/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C core has no timers for its users. One thread wakes when the first stream could be
 * overdue; whatever it finds is judged again where the call's events are delivered, so that a
 * message that has just arrived is never overtaken.
 */
#include <errno.h>
#include <stdlib.h>

#include "now.h"
#include "rpc/internal.h"
#include "rpc/signals.h"

/* What follows is under the server's lock. */
struct idle {
	pthread_t thread;
	pthread_cond_t changed; /* a stream was added, or `stopping` */
	bool stopping;
};

/* When the call would be overdue at the earliest. */
static int64_t idle_due(struct rpc_call *call, int64_t now)
{
	int64_t since = atomic_load(&call->silent_since);

	return (since ? since : now) + call->entry->method->idle_ms * MILLISECOND;
}

/* With the server's lock: a stream that is overdue, with a reference; or NULL, and when to look
 * again: 0 means when a stream was added. */
static struct rpc_call *idle_find(struct rpc_server *server, int64_t now, int64_t *ret_next)
{
	*ret_next = 0;
	for (struct rpc_call *call = server->streams; call; call = call->next) {
		int64_t due;

		if (!call->entry->method->idle_ms || call->is_idle)
			continue;
		due = idle_due(call, now);
		if (due <= now) {
			call->is_idle = true;
			return rpc_call_ref(call);
		}
		if (!*ret_next || due < *ret_next)
			*ret_next = due;
	}
	return NULL;
}

/* With the server's lock. */
static void idle_wait(struct rpc_server *server, int64_t until)
{
	const struct timespec time = {.tv_sec = until / NANOSECONDS,
				      .tv_nsec = until % NANOSECONDS};

	if (until)
		pthread_cond_timedwait(&server->idle->changed, &server->lock, &time);
	else
		pthread_cond_wait(&server->idle->changed, &server->lock);
}

static void *idle_run(void *user)
{
	struct rpc_server *server = user;
	struct rpc_call *call;
	int64_t next;

	pthread_mutex_lock(&server->lock);
	while (!server->idle->stopping) {
		call = idle_find(server, now_on(CLOCK_MONOTONIC), &next);
		if (!call) {
			idle_wait(server, next);
			continue;
		}
		pthread_mutex_unlock(&server->lock);
		call_deliver(call, CALL_IDLE);
		rpc_call_unref(call);
		pthread_mutex_lock(&server->lock);
	}
	pthread_mutex_unlock(&server->lock);
	return NULL;
}

int idle_start(struct rpc_server *server)
{
	struct idle *idle = calloc(1, sizeof(*idle));
	pthread_condattr_t clock;
	int err;

	if (!idle)
		return -ENOMEM;
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&idle->changed, &clock);
	pthread_condattr_destroy(&clock);
	pthread_mutex_lock(&server->lock);
	server->idle = idle;
	pthread_mutex_unlock(&server->lock);
	err = signals_thread(&idle->thread, idle_run, server);
	if (err) {
		pthread_mutex_lock(&server->lock);
		server->idle = NULL;
		pthread_mutex_unlock(&server->lock);
		pthread_cond_destroy(&idle->changed);
		free(idle);
	}
	return err;
}

void idle_stop(struct rpc_server *server)
{
	struct idle *idle = server->idle;

	if (!idle)
		return;
	pthread_mutex_lock(&server->lock);
	idle->stopping = true;
	pthread_cond_signal(&idle->changed);
	pthread_mutex_unlock(&server->lock);
	pthread_join(idle->thread, NULL);
	server->idle = NULL;
	pthread_cond_destroy(&idle->changed);
	free(idle);
}

void idle_wake(struct rpc_server *server, const struct rpc_call *call)
{
	if (server->idle && call->entry->method->idle_ms)
		pthread_cond_signal(&server->idle->changed);
}

void idle_await(struct rpc_call *call)
{
	atomic_store(&call->silent_since, now_on(CLOCK_MONOTONIC));
}

void idle_arrived(struct rpc_call *call)
{
	atomic_store(&call->silent_since, 0);
}

/* With the server's lock taken in between: the thread may look at the call again. */
static void idle_forgive(struct rpc_call *call)
{
	struct rpc_server *server = call->entry->server;

	pthread_mutex_lock(&server->lock);
	call->is_idle = false;
	idle_wake(server, call);
	pthread_mutex_unlock(&server->lock);
}

void idle_end(struct rpc_call *call)
{
	unsigned int limit = call->entry->method->idle_ms;
	struct rpc_status status = {.code = 0};
	int64_t now = now_on(CLOCK_MONOTONIC);

	if (idle_due(call, now) > now) {
		idle_forgive(call);
		return;
	}
	rpc_status_set(&status, GRPC_STATUS_ABORTED, "IDLE",
		       "the client has sent nothing for %u.%03u s", limit / 1000, limit % 1000);
	rpc_call_finish(call, &status, NULL);
}
