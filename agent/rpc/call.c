/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a call: batches out, tags back in. Each outstanding batch holds a reference.
 */
#include "rpc/call.h"

#include <errno.h>
#include <grpc/byte_buffer.h>
#include <grpc/support/time.h>
#include <string.h>

#include "cleanup.h"
#include "rpc/identity.h"
#include "rpc/internal.h"
#include "rpc/limits.h"
#include "rpc/text.h"

const struct rpc_method unknown_method = {.path = "", .kind = RPC_UNARY, .public_access = true};

static bool call_reads_stream(const struct rpc_call *call)
{
	return call->entry->method->kind == RPC_CLIENT_STREAM ||
	       call->entry->method->kind == RPC_BIDI_STREAM;
}

static bool call_writes_stream(const struct rpc_call *call)
{
	return call->entry->method->kind == RPC_SERVER_STREAM ||
	       call->entry->method->kind == RPC_BIDI_STREAM;
}

/* With the call's lock. Only a mistake of ours makes it fail; the call ends then. */
static void call_batch(struct rpc_call *call, const grpc_op *ops, size_t count,
		       struct rpc_tag *tag)
{
	rpc_call_ref(call);
	if (grpc_call_start_batch(call->core, ops, count, tag_send(tag), NULL) !=
	    GRPC_CALL_OK) {
		grpc_call_cancel(call->core, NULL);
		rpc_call_unref(call);
	}
}

static void call_start_final(struct rpc_call *call)
{
	grpc_op ops[3];
	size_t count = final_operations(&call->final, !call->answering, ops);

	call->answering = true;
	call_batch(call, ops, count, &call->finished);
}

static void call_opened(struct rpc_tag *tag, bool ok)
{
	(void)ok; /* a client that is gone shows in call_closed() */
	rpc_call_unref(container_of(tag, struct rpc_call, opened));
}

static void call_finished(struct rpc_tag *tag, bool ok)
{
	(void)ok;
	rpc_call_unref(container_of(tag, struct rpc_call, finished));
}

static void call_count(struct rpc_call *call)
{
	if (call->payload)
		call->octets += grpc_byte_buffer_length(call->payload);
}

static void call_received(struct rpc_tag *tag, bool ok)
{
	struct rpc_call *call = container_of(tag, struct rpc_call, received);

	/* No message and no half-close either: the stream broke, call_closed() follows. */
	bool broken = !ok || grpc_call_failed_before_recv_message(call->core);

	idle_arrived(call);
	call_count(call);
	if (call->payload)
		call_deliver(call, CALL_MESSAGE);
	else if (!broken && !rpc_call_cancelled(call))
		call_deliver(call, CALL_HALF_CLOSED);
	rpc_call_unref(call);
}

static void call_sent(struct rpc_tag *tag, bool ok)
{
	struct rpc_call *call = container_of(tag, struct rpc_call, sent);

	pthread_mutex_lock(&call->lock);
	call->sending = false;
	if (call->final_waits) {
		call->final_waits = false;
		call_start_final(call);
	}
	pthread_mutex_unlock(&call->lock);
	call_deliver(call, ok ? CALL_WRITABLE : 0);
	rpc_call_unref(call);
}

static void call_closed(struct rpc_tag *tag, bool ok)
{
	struct rpc_call *call = container_of(tag, struct rpc_call, closed);

	streams_remove(call);
	pthread_mutex_lock(&call->lock);
	if (!ok || call->close_flag) {
		atomic_store(&call->cancelled, true);
		call->ended = true;
		call->final_waits = false;
	}
	pthread_mutex_unlock(&call->lock);
	call_deliver(call, CALL_CLOSED);
	rpc_call_unref(call);
}

struct rpc_call *call_new(struct rpc_slot *slot)
{
	struct rpc_server *server = slot->entry->server;
	struct rpc_call *call = grpc_call_arena_alloc(slot->call, sizeof(*call));

	memset(call, 0, sizeof(*call));
	call->entry = slot->entry;
	call->core = take(slot->call);
	call->deadline = slot->deadline;
	call->payload = take(slot->payload);
	call_count(call);
	call->final.message = grpc_empty_slice();
	call->opened.done = call_opened;
	call->received.done = call_received;
	call->sent.done = call_sent;
	call->finished.done = call_finished;
	call->closed.done = call_closed;
	arena_init(&call->memory, arena_cap_for(0));
	arena_init(&call->scratch, arena_cap_for(0));
	pthread_mutex_init(&call->lock, NULL);
	atomic_init(&call->references, 1);
	identity_find(call->core, server->fds, &call->peer);
	pthread_mutex_lock(&server->lock);
	server->n_calls++;
	pthread_mutex_unlock(&server->lock);
	return call;
}

static void call_free(struct rpc_call *call)
{
	struct rpc_server *server = call->entry->server;
	grpc_call *core = call->core;

	if (call->payload)
		grpc_byte_buffer_destroy(call->payload);
	final_done(&call->final);
	arena_clear(&call->memory);
	arena_clear(&call->scratch);
	pthread_mutex_destroy(&call->lock);
	/* Takes *call with it. */
	grpc_call_unref(core);
	pthread_mutex_lock(&server->lock);
	if (!--server->n_calls)
		pthread_cond_broadcast(&server->changed);
	pthread_mutex_unlock(&server->lock);
}

struct rpc_call *rpc_call_ref(struct rpc_call *call)
{
	atomic_fetch_add(&call->references, 1);
	return call;
}

void rpc_call_unref(struct rpc_call *call)
{
	if (atomic_fetch_sub(&call->references, 1) == 1)
		call_free(call);
}

/* In a batch of its own: it completes as soon as the client is gone. */
static void call_watch_close(struct rpc_call *call)
{
	grpc_op op = {.op = GRPC_OP_RECV_CLOSE_ON_SERVER};

	op.data.recv_close_on_server.cancelled = &call->close_flag;
	pthread_mutex_lock(&call->lock);
	call_batch(call, &op, 1, &call->closed);
	pthread_mutex_unlock(&call->lock);
}

/* The client sees at once that its stream is open. */
static void call_answer(struct rpc_call *call)
{
	grpc_op op = {.op = GRPC_OP_SEND_INITIAL_METADATA};

	pthread_mutex_lock(&call->lock);
	if (!call->ended) {
		call->answering = true;
		call_batch(call, &op, 1, &call->opened);
	}
	pthread_mutex_unlock(&call->lock);
}

void call_receive(struct rpc_call *call)
{
	grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};

	if (!call_reads_stream(call))
		return;
	op.data.recv_message.recv_message = &call->payload;
	idle_await(call);
	pthread_mutex_lock(&call->lock);
	if (!call->ended)
		call_batch(call, &op, 1, &call->received);
	pthread_mutex_unlock(&call->lock);
}

bool call_admitted(struct rpc_call *call, struct rpc_status *status)
{
	const struct rpc_method *method = call->entry->method;
	const struct rpc_options *options = &call->entry->server->options;

	if (method->public_access)
		return true;
	if (!call->peer.identity[0]) {
		rpc_status_set(status, GRPC_STATUS_UNAUTHENTICATED, "NO_IDENTITY",
			       "the client certificate has no usable name");
		return false;
	}
	return !options->admit ||
	       options->admit(&call->peer, method, options->admit_user, status);
}

void call_refuse(struct rpc_call *call, const struct rpc_status *status)
{
	call_watch_close(call);
	rpc_call_finish(call, status, NULL);
	rpc_call_unref(call);
}

static bool call_is_throttled(const struct rpc_call *call, struct rpc_status *status)
{
	const struct rpc_options *options = &call->entry->server->options;

	return options->throttle && options->throttle(&call->peer, options->admit_user, status);
}

void call_start(struct rpc_call *call)
{
	struct rpc_status status = {.code = 0};

	if (call_is_throttled(call, &status) || !call_admitted(call, &status)) {
		call_refuse(call, &status);
		return;
	}
	if (call->entry->method->kind != RPC_UNARY && !streams_add(call)) {
		streams_refuse(&status);
		call_refuse(call, &status);
		return;
	}
	if (call->entry->method->kind != RPC_UNARY)
		call_answer(call);
	if (call_reads_stream(call)) {
		/* First, so that a client that has seen its stream open cannot leave it
		 * before the handler has. */
		call_deliver(call, CALL_OPENED);
		call_watch_close(call);
		call_receive(call);
	} else {
		call_watch_close(call);
		call_deliver(call, CALL_MESSAGE);
	}
	rpc_call_unref(call);
}

/* The message, unless it is packed already. */
static int call_send(struct rpc_call *call, const ProtobufCMessage *message,
		     const struct rpc_packed *packed)
{
	grpc_op op = {.op = GRPC_OP_SEND_MESSAGE};
	int err = 0;

	if (!call_writes_stream(call))
		return -EINVAL;
	pthread_mutex_lock(&call->lock);
	if (call->ended) {
		err = -EPIPE;
	} else if (call->sending) {
		err = -EAGAIN;
	} else {
		grpc_byte_buffer *buffer = buffer_make(message, packed);

		op.data.send_message.send_message = buffer;
		call->sending = true;
		call_batch(call, &op, 1, &call->sent);
		grpc_byte_buffer_destroy(buffer);
	}
	pthread_mutex_unlock(&call->lock);
	return err;
}

int rpc_call_send(struct rpc_call *call, const ProtobufCMessage *message)
{
	return call_send(call, message, NULL);
}

int rpc_call_send_packed(struct rpc_call *call, const struct rpc_packed *packed)
{
	return call_send(call, NULL, packed);
}

/* The response, unless it is packed already. */
static void call_finish(struct rpc_call *call, const struct rpc_status *status,
			const ProtobufCMessage *response, const struct rpc_packed *packed)
{
	const struct rpc_options *options = &call->entry->server->options;
	const bool failed = status && status->code != GRPC_STATUS_OK;

	pthread_mutex_lock(&call->lock);
	if (!call->ended) {
		call->ended = true;
		if (failed && options->refused)
			options->refused(call, status, options->refused_user);
		final_init(&call->final, status, options->error_domain,
			   failed ? NULL : buffer_make(response, packed));
		if (call->sending)
			call->final_waits = true;
		else
			call_start_final(call);
	}
	pthread_mutex_unlock(&call->lock);
}

void rpc_call_finish(struct rpc_call *call, const struct rpc_status *status,
		     const ProtobufCMessage *response)
{
	call_finish(call, status, response, NULL);
}

void rpc_call_finish_packed(struct rpc_call *call, const struct rpc_packed *response)
{
	call_finish(call, NULL, NULL, response);
}

/* With the lock. */
static void call_cut_off(struct rpc_call *call, const struct rpc_status *status)
{
	char message[sizeof(status->message)];

	text_clean(message, sizeof(message), status->message, sizeof(status->message));
	grpc_call_cancel_with_status(call->core, (grpc_status_code)status->code, message, NULL);
}

void rpc_call_abort(struct rpc_call *call, const struct rpc_status *status)
{
	const char *domain = call->entry->server->options.error_domain;

	pthread_mutex_lock(&call->lock);
	if (!call->ended) {
		call->ended = true;
		final_init(&call->final, status, domain, NULL);
		if (call->sending)
			call_cut_off(call, status);
		else
			call_start_final(call);
	}
	pthread_mutex_unlock(&call->lock);
}

bool rpc_call_cancelled(const struct rpc_call *call)
{
	gpr_timespec now;

	if (atomic_load(&call->cancelled))
		return true;
	/* The C core's own timer may be late. */
	now = gpr_now(call->deadline.clock_type);
	return gpr_time_cmp(now, call->deadline) >= 0;
}
