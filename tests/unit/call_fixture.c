/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "call_fixture.h"

struct call_fixture call_fixture;

int call_fixture_reset(void **state)
{
	(void)state;
	memset(&call_fixture, 0, sizeof(call_fixture));
	call_fixture.peer.transport = RPC_TRANSPORT_UNIX;
	strcpy(call_fixture.peer.identity, "unix:uid=0");
	return 0;
}

ProtobufCMessage *call_fixture_answer(const ProtobufCMessageDescriptor *type)
{
	ProtobufCMessage *message;

	if (call_fixture.finished != 1 || call_fixture.status.code)
		fail_msg("%u answers, status %d: %s", call_fixture.finished,
			 call_fixture.status.code, call_fixture.status.message);
	message = protobuf_c_message_unpack(type, NULL, call_fixture.length,
					    call_fixture.packed);
	assert_non_null(message);
	return message;
}

void call_fixture_refused(int code, const char *reason, const char *field)
{
	assert_int_equal(call_fixture.finished, 1);
	assert_int_equal(call_fixture.length, 0);
	assert_int_equal(call_fixture.status.code, code);
	assert_string_equal(call_fixture.status.reason, reason);
	if (field)
		assert_string_equal(call_fixture.status.field, field);
}

void *rpc_call_service(const struct rpc_call *call)
{
	(void)call;
	return &call_fixture.service;
}

const struct rpc_peer *rpc_call_peer(const struct rpc_call *call)
{
	(void)call;
	return &call_fixture.peer;
}

void rpc_call_set_data(struct rpc_call *call, void *data)
{
	(void)call;
	call_fixture.data = data;
}

void *rpc_call_data(const struct rpc_call *call)
{
	(void)call;
	return call_fixture.data;
}

void *rpc_call_alloc(struct rpc_call *call, size_t size)
{
	void *place = call_fixture.memory + call_fixture.used;

	(void)call;
	if (size > sizeof(call_fixture.memory) - call_fixture.used)
		return NULL;
	call_fixture.used += size;
	return place;
}

struct rpc_call *rpc_call_ref(struct rpc_call *call)
{
	call_fixture.references++;
	return call;
}

void rpc_call_unref(struct rpc_call *call)
{
	(void)call;
	call_fixture.references--;
}

bool rpc_call_cancelled(const struct rpc_call *call)
{
	(void)call;
	return call_fixture.cancelled;
}

void rpc_call_finish(struct rpc_call *call, const struct rpc_status *status,
		     const ProtobufCMessage *message)
{
	(void)call;
	call_fixture.finished++;
	if (status)
		call_fixture.status = *status;
	if (!message)
		return;
	assert_true(protobuf_c_message_get_packed_size(message) <= sizeof(call_fixture.packed));
	call_fixture.length = protobuf_c_message_pack(message, call_fixture.packed);
}
