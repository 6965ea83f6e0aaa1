/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A blocking gRPC client on the C core, for tests: every step waits until it is done. Calls
 * have a deadline, so that nothing hangs.
 */
#ifndef WAYMARK_TESTS_RPC_CLIENT_H
#define WAYMARK_TESTS_RPC_CLIENT_H

#include <grpc/grpc.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RPC_CLIENT_DEADLINE_MS 20000

/* One call of any kind. */
struct rpc_stream {
	grpc_completion_queue *queue;
	grpc_call *call;
	bool opened; /* the initial metadata are here */
};

/* How it ended. */
struct rpc_answer {
	int code;
	char message[512];
	uint8_t details[4096];
	size_t details_size;
	long pushback_ms; /* -1: none */
	/* From the details; empty: not there. */
	char reason[64];
	char field[256];
	bool quota;
	long retry_ms;
};

/* credentials NULL: plaintext. */
grpc_channel *rpc_client_new(const char *target, grpc_channel_credentials *credentials);

/* path: a constant. */
void rpc_stream_open(struct rpc_stream *stream, grpc_channel *channel, const char *path,
		     int deadline_ms);
bool rpc_stream_send_bytes(struct rpc_stream *stream, const void *bytes, size_t size);
bool rpc_stream_send(struct rpc_stream *stream, const ProtobufCMessage *message);
void rpc_stream_half_close(struct rpc_stream *stream);
/* Waits for the server's first headers. */
void rpc_stream_wait_open(struct rpc_stream *stream);
/* The next message, protobuf_c_message_free_unpacked() it; NULL: there is none any more. */
ProtobufCMessage *rpc_stream_receive(struct rpc_stream *stream,
				     const ProtobufCMessageDescriptor *type);
void rpc_stream_cancel(struct rpc_stream *stream);
/* Waits for the status and frees the stream. An OK status comes only after the messages that
 * precede it were received. */
void rpc_stream_finish(struct rpc_stream *stream, struct rpc_answer *answer);

/* A whole unary call. The response, or NULL; *answer always. */
ProtobufCMessage *rpc_call_bytes(grpc_channel *channel, const char *path, const void *bytes,
				 size_t size, const ProtobufCMessageDescriptor *response,
				 struct rpc_answer *answer);
ProtobufCMessage *rpc_call_message(grpc_channel *channel, const char *path,
				   const ProtobufCMessage *request,
				   const ProtobufCMessageDescriptor *response,
				   struct rpc_answer *answer);

#endif
