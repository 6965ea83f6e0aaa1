/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands in for the calls of rpc/, so that handlers of service/ can be called with a message
 * and their answer looked at. Of one call at a time, which may be NULL to the handler. Also for
 * the two functions of the engine that every operation needs.
 */
#ifndef WAYMARK_TESTS_CALL_FIXTURE_H
#define WAYMARK_TESTS_CALL_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rpc/call.h"
#include "service/service.h"

struct call_fixture {
	struct service service;
	struct rpc_peer peer; /* at first root on the unix socket: an admin */
	bool cancelled;

	/* What the call ended with. */
	unsigned int finished;
	struct rpc_status status; /* code 0: OK, or not ended */
	uint8_t packed[64 * 1024];
	size_t length;

	/* Behind rpc_call_*(). */
	unsigned int references;
	void *data;
	_Alignas(max_align_t) char memory[64 * 1024];
	size_t used;
};

extern struct call_fixture call_fixture;

/* A new call; also a cmocka setup. */
int call_fixture_reset(void **state);

/* What was answered, protobuf_c_message_free_unpacked() it. Fails the test if there is none, or
 * if its octets are not those that protobuf-c would have written. */
ProtobufCMessage *call_fixture_answer(const ProtobufCMessageDescriptor *type);

/* Fails the test unless the call was refused so. field NULL: any. */
void call_fixture_refused(int code, const char *reason, const char *field);

#endif
