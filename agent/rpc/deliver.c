/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hands what happens to a call to its handler. Events come from several queue threads; the
 * first thread delivers, the others leave theirs with it, so that nobody waits and a handler
 * never meets itself.
 */
#include <grpc/byte_buffer.h>
#include <grpc/slice.h>

#include "failpoint.h"
#include "rpc/check.h"
#include "rpc/internal.h"
#include "rpc/plain.h"

/* With the lock: takes the next event that may be delivered now; 0: none. */
static unsigned int call_take_event(struct rpc_call *call)
{
	static const enum call_event order[] = {CALL_OPENED,  CALL_WRITABLE, CALL_DRAIN,
						CALL_RECHECK, CALL_MESSAGE,  CALL_HALF_CLOSED,
						CALL_IDLE,    CALL_CLOSED};

	if (call->ended)
		call->events &= CALL_CLOSED;
	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
		if (!(call->events & order[i]))
			continue;
		/* A client that does not take its answers gets no more questions read. */
		if (order[i] == CALL_MESSAGE && call->sending)
			continue;
		/* What a stream could not send before, for instance NOT_SERVING, it may yet. */
		if (order[i] == CALL_DRAIN && call->sending && !call->last_send)
			continue;
		if (order[i] == CALL_WRITABLE && call->events & CALL_DRAIN)
			call->last_send = true;
		call->events &= ~(unsigned int)order[i];
		return order[i];
	}
	return 0;
}

static const ProtobufCMessage *call_unpack(struct rpc_call *call, grpc_slice bytes,
					   struct rpc_status *status)
{
	const struct rpc_method *method = call->entry->method;
	const uint8_t *data = GRPC_SLICE_START_PTR(bytes);
	size_t size = GRPC_SLICE_LENGTH(bytes);
	const ProtobufCMessage *message;

	call->scratch.cap = arena_cap_for(size);
	if (call->memory.cap < call->scratch.cap)
		call->memory.cap = call->scratch.cap;
	message = plain_unpack(method->request, &call->scratch, data, size);
	if (message)
		return message;
	arena_clear(&call->scratch);
	if (check_message(method->request, data, size, method->public_access, status))
		return NULL;
	message = protobuf_c_message_unpack(method->request, &call->scratch.allocator, size,
					    data);
	if (!message && call->scratch.exhausted)
		rpc_status_set(status, GRPC_STATUS_RESOURCE_EXHAUSTED, "REQUEST_TOO_COMPLEX",
			       "%zu octets of request need more than %zu of memory", size,
			       call->scratch.cap);
	else if (!message)
		rpc_status_set(status, GRPC_STATUS_INVALID_ARGUMENT, "MALFORMED",
			       "the request is not a %s", method->request->name);
	return message;
}

static void call_handle_message(struct rpc_call *call)
{
	struct rpc_status status = {.code = 0};
	const ProtobufCMessage *message;
	grpc_slice bytes;

	if (!call->payload) {
		rpc_status_set(&status, GRPC_STATUS_INVALID_ARGUMENT, "MALFORMED",
			       "there is no request message");
		rpc_call_finish(call, &status, NULL);
		return;
	}
	bytes = buffer_slice(call->payload);
	grpc_byte_buffer_destroy(call->payload);
	call->payload = NULL;
	message = call_unpack(call, bytes, &status);
	grpc_slice_unref(bytes);
	if (message) {
		FAILPOINT("after-receive");
		call->announced = true;
		call->entry->method->message(call, message);
	} else {
		rpc_call_finish(call, &status, NULL);
	}
	arena_clear(&call->scratch);
	call_receive(call);
}

static void call_drain(struct rpc_call *call)
{
	struct rpc_status status = {.code = 0};

	streams_refuse(&status);
	rpc_call_finish(call, &status, NULL);
}

static bool call_takes_long(const struct rpc_call *call)
{
	return call->entry->method->takes_long ||
	       (call->payload && grpc_byte_buffer_length(call->payload) > RPC_BRIEF_MAX);
}

static void call_handle(struct rpc_call *call, unsigned int event)
{
	const struct rpc_method *method = call->entry->method;
	void (*handler)(struct rpc_call *) = NULL;
	struct rpc_status status = {.code = 0};

	if (call_takes_long(call))
		threads_hand_over();
	switch (event) {
	case CALL_OPENED:
		call->announced = true;
		handler = method->opened;
		break;
	case CALL_MESSAGE:
		call_handle_message(call);
		break;
	case CALL_HALF_CLOSED:
		handler = method->half_closed;
		break;
	case CALL_WRITABLE:
		handler = method->writable;
		break;
	case CALL_DRAIN:
		call_drain(call);
		break;
	case CALL_RECHECK:
		if (!call_admitted(call, &status))
			rpc_call_finish(call, &status, NULL);
		break;
	case CALL_IDLE:
		idle_end(call);
		break;
	case CALL_CLOSED:
		handler = call->announced ? method->closed : NULL;
		break;
	}
	if (handler)
		handler(call);
}

void call_deliver(struct rpc_call *call, unsigned int events)
{
	unsigned int event;

	pthread_mutex_lock(&call->lock);
	call->events |= events;
	if (call->delivering) {
		pthread_mutex_unlock(&call->lock);
		return;
	}
	call->delivering = true;
	while ((event = call_take_event(call))) {
		if (event == CALL_HALF_CLOSED)
			call->half_closed = true;
		pthread_mutex_unlock(&call->lock);
		call_handle(call, event);
		pthread_mutex_lock(&call->lock);
	}
	call->delivering = false;
	pthread_mutex_unlock(&call->lock);
}
