/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The streams of a server. Unlike unary calls they do not end by themselves, so drain does it.
 */
#include <stdlib.h>

#include "rpc/internal.h"
#include "rpc/limits.h"

void streams_refuse(struct rpc_status *status)
{
	rpc_status_set(status, GRPC_STATUS_UNAVAILABLE, "SHUTTING_DOWN",
		       "the server is shutting down");
	status->retry_after_ms = RPC_DRAIN_RETRY_MS;
}

bool streams_add(struct rpc_call *call)
{
	struct rpc_server *server = call->entry->server;
	bool added;

	pthread_mutex_lock(&server->lock);
	added = !server->draining;
	if (added) {
		call->next = server->streams;
		call->linked_from = &server->streams;
		if (call->next)
			call->next->linked_from = &call->next;
		server->streams = call;
		idle_wake(server, call);
	}
	pthread_mutex_unlock(&server->lock);
	return added;
}

void streams_remove(struct rpc_call *call)
{
	struct rpc_server *server = call->entry->server;

	if (call->entry->method->kind == RPC_UNARY)
		return;
	pthread_mutex_lock(&server->lock);
	if (call->linked_from) {
		*call->linked_from = call->next;
		if (call->next)
			call->next->linked_from = call->linked_from;
		call->linked_from = NULL;
	}
	pthread_mutex_unlock(&server->lock);
}

/* A client stream that is complete waits for its answer as a unary call does. */
static bool stream_is_complete(struct rpc_call *call)
{
	bool complete;

	pthread_mutex_lock(&call->lock);
	complete = call->entry->method->kind == RPC_CLIENT_STREAM && call->half_closed;
	pthread_mutex_unlock(&call->lock);
	return complete;
}

/* With the server's lock: takes a call off the list. */
static struct rpc_call *streams_take(struct rpc_server *server)
{
	struct rpc_call *call = server->streams;

	if (!call)
		return NULL;
	server->streams = call->next;
	if (call->next)
		call->next->linked_from = &server->streams;
	call->linked_from = NULL;
	return rpc_call_ref(call);
}

/* With the server's lock: all of them, with references, in memory that the caller frees. */
static struct rpc_call **streams_copy(struct rpc_server *server, size_t *ret_n)
{
	struct rpc_call **calls, *call;
	size_t n = 0;

	for (call = server->streams; call; call = call->next)
		n++;
	calls = calloc(n + 1, sizeof(struct rpc_call *));
	*ret_n = 0;
	for (call = server->streams; calls && call; call = call->next)
		calls[(*ret_n)++] = rpc_call_ref(call);
	return calls;
}

void rpc_server_recheck(struct rpc_server *server)
{
	struct rpc_call **calls;
	size_t n;

	pthread_mutex_lock(&server->lock);
	calls = streams_copy(server, &n);
	pthread_mutex_unlock(&server->lock);
	for (size_t i = 0; i < n; i++) {
		call_deliver(calls[i], CALL_RECHECK);
		rpc_call_unref(calls[i]);
	}
	free(calls);
}

void streams_drain(struct rpc_server *server)
{
	struct rpc_call *call;

	pthread_mutex_lock(&server->lock);
	server->draining = true;
	while ((call = streams_take(server))) {
		pthread_mutex_unlock(&server->lock);
		if (!stream_is_complete(call))
			call_deliver(call, CALL_DRAIN);
		rpc_call_unref(call);
		pthread_mutex_lock(&server->lock);
	}
	pthread_mutex_unlock(&server->lock);
}
