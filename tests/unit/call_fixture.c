/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "call_fixture.h"
#include "core/engine.h"
#include "datapath/attach.h"
#include "service/policy.h"

struct call_fixture call_fixture;

/* Root is admin, whoever has a certificate a writer. */
static char root[] = "unix:uid=0", others[] = "dns:*";
static struct policy_rule rules[] = {
	{.identity = root, .role = ACCESS_ADMIN},
	{.identity = others, .role = ACCESS_WRITER, .raw_labels = true},
};
static const struct policy policy = {.rules = rules,
				     .n_rules = sizeof(rules) / sizeof(rules[0])};

int call_fixture_reset(void **state)
{
	(void)state;
	memset(&call_fixture, 0, sizeof(call_fixture));
	call_fixture.peer.transport = RPC_TRANSPORT_UNIX;
	call_fixture.service.policy = &policy;
	memcpy(call_fixture.peer.identity, root, sizeof(root));
	return 0;
}

ProtobufCMessage *call_fixture_answer(const ProtobufCMessageDescriptor *type)
{
	static uint8_t again[sizeof(call_fixture.packed)];
	ProtobufCMessage *message;

	if (call_fixture.finished != 1 || call_fixture.status.code)
		fail_msg("%u answers, status %d: %s", call_fixture.finished,
			 call_fixture.status.code, call_fixture.status.message);
	message =
		protobuf_c_message_unpack(type, NULL, call_fixture.length, call_fixture.packed);
	assert_non_null(message);
	assert_int_equal(protobuf_c_message_get_packed_size(message), call_fixture.length);
	protobuf_c_message_pack(message, again);
	assert_memory_equal(again, call_fixture.packed, call_fixture.length);
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

const struct rpc_method *rpc_call_method(const struct rpc_call *call)
{
	static const struct rpc_method method = {.path = "/waymark.v1.MarkerService/Test"};

	(void)call;
	return &method;
}

size_t rpc_call_octets(const struct rpc_call *call)
{
	(void)call;
	return 0;
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

struct rpc_packed {
	uint8_t *bytes;
	size_t size;
};

struct rpc_packed *rpc_packed_new(void *bytes, size_t size)
{
	struct rpc_packed *packed = malloc(sizeof(*packed));

	assert_non_null(packed);
	*packed = (struct rpc_packed){bytes, size};
	return packed;
}

void rpc_packed_free(struct rpc_packed *packed)
{
	if (packed)
		free(packed->bytes);
	free(packed);
}

void rpc_call_finish_packed(struct rpc_call *call, const struct rpc_packed *packed)
{
	(void)call;
	call_fixture.finished++;
	assert_true(packed->size <= sizeof(call_fixture.packed));
	call_fixture.length = packed->size;
	memcpy(call_fixture.packed, packed->bytes, packed->size);
}

/* ---- one interface, which nobody asks about ---- */

bool attach_any(const struct attach *attach)
{
	(void)attach;
	return true;
}

size_t attach_list(const struct attach *attach, struct attach_interface *list, size_t max)
{
	(void)attach, (void)list, (void)max;
	return 0;
}

/* ---- an engine that has nothing; tests define better ones of those that they need ---- */

#define WEAK __attribute__((weak))

WEAK int engine_get(struct engine *engine, const struct match *match, struct engine_mark *ret)
{
	(void)engine, (void)match, (void)ret;
	return -ENOENT;
}

WEAK int engine_effective(struct engine *engine, const struct match *match,
			  struct engine_mark *ret)
{
	return engine_get(engine, match, ret);
}

WEAK int engine_scan(struct engine *engine, uint64_t after,
		     int (*each)(const struct engine_mark *found, void *user), void *user)
{
	(void)engine, (void)after, (void)each, (void)user;
	return 0;
}

WEAK void engine_submit(struct engine *engine, struct engine_op *op)
{
	(void)engine, (void)op;
	fail_msg("something was submitted");
}

WEAK uint64_t engine_revision(struct engine *engine)
{
	(void)engine;
	return 0;
}

WEAK uint64_t engine_compact_revision(struct engine *engine)
{
	(void)engine;
	return 0;
}

WEAK void engine_state_id(struct engine *engine, uint8_t ret[static ENGINE_STATE_ID_SIZE])
{
	(void)engine;
	memset(ret, 1, ENGINE_STATE_ID_SIZE);
}

WEAK uint64_t engine_repairs(struct engine *engine)
{
	(void)engine;
	return 0;
}

WEAK struct engine_owner engine_owner(struct engine *engine, const char *owner)
{
	(void)engine, (void)owner;
	return (struct engine_owner){.marks = 0};
}

WEAK int engine_leases(struct engine *engine, uint64_t after,
		       int (*each)(const struct engine_lease *lease, void *user), void *user)
{
	(void)engine, (void)after, (void)each, (void)user;
	return 0;
}

struct fault *engine_update_refuse(struct engine_update *update)
{
	if (!update->fault)
		update->fault = calloc(1, sizeof(*update->fault));
	assert_non_null(update->fault);
	return update->fault;
}

void engine_op_done(struct engine_op *op)
{
	for (size_t i = 0; i < op->n_updates; i++) {
		free(op->updates[i].fault);
		op->updates[i].fault = NULL;
	}
}

bool engine_is_started(const struct engine *engine)
{
	(void)engine;
	return true;
}
