/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gRPC server that answers as a test wants: one thread, one call at a time, on a unix socket
 * of its own. Stands on the bare C core, so that clients are not tested against themselves.
 */
#ifndef FAKE_AGENT_H
#define FAKE_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#define FAKE_BYTES_MAX 65536

struct fake_answer {
	int code; /* gRPC's; 0: OK */
	const char *message; /* of the status; NULL: none */
	uint8_t details[FAKE_BYTES_MAX]; /* grpc-status-details-bin */
	size_t details_length; /* 0: none */
	uint8_t response[FAKE_BYTES_MAX];
	size_t response_length;
	bool silent; /* OK without a message */
	bool hang; /* no answer until the client gives up */
};

/* Called on the agent's thread for each call; *answer is zero. */
typedef void fake_handler(const char *path, const uint8_t *request, size_t length,
			  struct fake_answer *answer, void *user);

struct fake_agent;

/* Ends the test on failure. */
struct fake_agent *fake_agent_new(fake_handler *handler, void *user);
void fake_agent_free(struct fake_agent *agent);

/* "unix:/..." */
const char *fake_agent_target(const struct fake_agent *agent);

/* Makes `message` the answer. */
void fake_answer_message(struct fake_answer *answer, const ProtobufCMessage *message);

#endif
