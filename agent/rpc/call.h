/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call as its handler sees it, of any kind: unary, server, client or bidi stream.
 *
 * Handlers run on completion-queue threads, one at a time for one call, and must not block.
 * They may keep the call beyond their return with rpc_call_ref(); rpc_call_send() and
 * rpc_call_finish() are then allowed from any thread.
 */
#ifndef WAYMARK_RPC_CALL_H
#define WAYMARK_RPC_CALL_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

#include "rpc/peer.h"
#include "rpc/status.h"

struct rpc_call;

enum rpc_kind { RPC_UNARY, RPC_SERVER_STREAM, RPC_CLIENT_STREAM, RPC_BIDI_STREAM };

/* One row of a service's table. Constant while the server lives. */
struct rpc_method {
	const char *path; /* "/package.Service/Method" */
	enum rpc_kind kind;
	/* Health and reflection answer every peer; others only whom `admit` lets in. */
	bool public_access;
	/* Its callbacks may run for more than a tenth of a millisecond, whatever the size of
	 * the request: then the calls that come meanwhile do not wait for them. */
	bool takes_long;
	int needs; /* for `admit`, which knows what it means */
	const ProtobufCMessageDescriptor *request, *response;
	/* Client and bidi streams: a client that sends nothing for so long, while a message is
	 * awaited, is ended with ABORTED / IDLE. 0: it may be silent for ever. */
	unsigned int idle_ms;

	/* A client or bidi stream is open; may be NULL. */
	void (*opened)(struct rpc_call *call);
	/* A request has arrived, checked and unpacked; valid until the handler returns. Exactly
	 * one for unary and server streams. On client and bidi streams the next one is read
	 * when the handler returns, and delivered when flow control has taken over what was
	 * sent: a handler that sends one answer to each request never meets -EAGAIN. */
	void (*message)(struct rpc_call *call, const ProtobufCMessage *request);
	/* The client has half-closed a client or bidi stream; may be NULL. */
	void (*half_closed)(struct rpc_call *call);
	/* The last rpc_call_send() was taken over by flow control: the next may follow. May be
	 * NULL. Not called after the call was finished. */
	void (*writable)(struct rpc_call *call);
	/* The call is over for the client: cancelled, deadline passed, connection gone or
	 * status sent. The handler's last callback; drop references to the call here. May be
	 * NULL. */
	void (*closed)(struct rpc_call *call);
};

/* `user` of the rpc_service that the method belongs to. */
void *rpc_call_service(const struct rpc_call *call);
const struct rpc_method *rpc_call_method(const struct rpc_call *call);
/* Octets of the requests that have arrived so far. */
size_t rpc_call_octets(const struct rpc_call *call);
/* Who calls; lives as long as the call. */
const struct rpc_peer *rpc_call_peer(const struct rpc_call *call);

/* The handler's own pointer, NULL at first. */
void rpc_call_set_data(struct rpc_call *call, void *data);
void *rpc_call_data(const struct rpc_call *call);

/* Memory that lives as long as the call; NULL when the arena's cap is reached. */
void *rpc_call_alloc(struct rpc_call *call, size_t size);

/* Keeps the call alive beyond `closed`; pair with rpc_call_unref(). */
struct rpc_call *rpc_call_ref(struct rpc_call *call);
void rpc_call_unref(struct rpc_call *call);

/* Cancelled, deadline passed or connection gone: nobody waits for the answer. */
bool rpc_call_cancelled(const struct rpc_call *call);

/* Streams: packs and sends one message. 0; -EAGAIN while the last one is not taken over yet
 * (wait for `writable`); -ENOMEM; -EPIPE after rpc_call_finish() or cancellation. */
int rpc_call_send(struct rpc_call *call, const ProtobufCMessage *message);

/* A message that is packed already, perhaps for many calls. */
struct rpc_packed;
/* The bytes, from malloc(), are taken over. NULL: no memory, and they are freed. */
struct rpc_packed *rpc_packed_new(void *bytes, size_t size);
/* Also while calls are still sending it. NULL is fine. */
void rpc_packed_free(struct rpc_packed *packed);

/* As rpc_call_send(). */
int rpc_call_send_packed(struct rpc_call *call, const struct rpc_packed *packed);

/* Ends the call, exactly once. response: for unary and client streams with an OK status, else
 * NULL. status NULL means OK. Harmless if the client is gone. */
void rpc_call_finish(struct rpc_call *call, const struct rpc_status *status,
		     const ProtobufCMessage *response);

/* rpc_call_finish() with OK and a response that is packed already. */
void rpc_call_finish_packed(struct rpc_call *call, const struct rpc_packed *response);

/* rpc_call_finish() with an error that does not wait for a client which takes nothing: a
 * message that is on its way is dropped, and then the client gets code and message without
 * details. */
void rpc_call_abort(struct rpc_call *call, const struct rpc_status *status);

#endif
