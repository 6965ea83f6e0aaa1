/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gRPC server that answers as a test wants: one thread, one call at a time, on a unix socket
 * of its own. Stands on the bare C core, so that clients are not tested against themselves.
 * The methods of the API need no kinds here: any number of requests gets any number of answers.
 */
#ifndef FAKE_AGENT_H
#define FAKE_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#define FAKE_BYTES_MAX 65536
#define FAKE_MESSAGES_MAX 16

struct fake_answer {
	int code; /* gRPC's; 0: OK */
	const char *message; /* of the status; NULL: none */
	const char *pushback; /* grpc-retry-pushback-ms; NULL: none */
	uint8_t details[FAKE_BYTES_MAX]; /* grpc-status-details-bin */
	size_t details_length; /* 0: none */
	uint8_t bytes[FAKE_BYTES_MAX]; /* messages, one after another */
	size_t lengths[FAKE_MESSAGES_MAX]; /* of each */
	size_t count; /* 0 with OK: one empty message */
	bool silent; /* no message at all */
	bool read_on; /* no answer yet: first the next request of a client stream */
	bool hang; /* after the messages, no status until the client gives up */
};

/* Called on the agent's thread for each request; *answer is zero for the first of a call.
 * request NULL: instead of the next one the client has half-closed or gone. */
typedef void fake_handler(const char *path, const uint8_t *request, size_t length,
			  struct fake_answer *answer, void *user);

struct fake_agent;

/* Ends the test on failure. */
struct fake_agent *fake_agent_new(fake_handler *handler, void *user);
void fake_agent_free(struct fake_agent *agent);

/* Breaks every connection and refuses new ones, until it starts again. */
void fake_agent_stop(struct fake_agent *agent);
void fake_agent_start(struct fake_agent *agent);

/* "unix:/..." */
const char *fake_agent_target(const struct fake_agent *agent);

/* Orders the test's thread and the agent's: what one has written before, the other sees after
 * this. For what both share, before and after calls. */
void fake_agent_sync(struct fake_agent *agent);

/* Adds an ErrorInfo with this reason to the status. */
void fake_answer_reason(struct fake_answer *answer, const char *reason);

/* Adds `message` to the answer. */
void fake_answer_message(struct fake_answer *answer, const ProtobufCMessage *message);

#endif
