/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Octets of requests to the handlers of every RPC, on the way that they take in a server:
 * checked, unpacked into a capped arena, handled. The engine behind them answers at once, and
 * not always the same. A call must end exactly once, in a status that says something.
 * A plain request is read in both ways, which must agree.
 *
 *	octet 0: which method; 1: whose call, and what the engine answers; then the request, or,
 *	of a stream, several, each with its length in two octets before it
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/registry.h"
#include "datapath/datapath.h"
#include "rpc/arena.h"
#include "rpc/check.h"
#include "rpc/plain.h"
#include "service/policy.h"
#include "service/watch_hub.h"
#include "tests/unit/call_fixture.h"
#include "tests/unit/same_message.h"

#define HEAD 2
#define MARKS 40 /* that the engine has */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned int mood; /* of the engine */

static void require(bool truth)
{
	if (!truth)
		abort();
}

/* ---- an engine ---- */

static struct mark some_mark(uint64_t revision)
{
	struct mark mark = {.match = {.kind = MARK_HOST, .prefix_length = 128},
			    .action = {.label = MARK_LABEL_RAW, .flow_label = 5},
			    .lifetime = revision % 3 ? MARK_FOREVER : MARK_TTL,
			    .ttl = revision % 3 ? 0 : 60000000000,
			    .lease = revision % 3 ? 0 : revision,
			    .owner = "unix:uid=0",
			    .revision = revision};

	memset(mark.match.destination, 0x20, 15);
	mark.match.destination[15] = (uint8_t)revision;
	return mark;
}

int engine_get(struct engine *engine, const struct match *match, struct engine_mark *ret)
{
	(void)engine;
	if (mood & 1)
		return mood & 2 ? -EIO : -ENOENT;
	*ret = (struct engine_mark){.mark = some_mark(7)};
	ret->mark.match = *match;
	return 0;
}

int engine_scan(struct engine *engine, uint64_t after,
		int (*each)(const struct engine_mark *found, void *user), void *user)
{
	int r = 0;

	(void)engine;
	for (uint64_t at = after + 1; r == 0 && at <= MARKS; at++) {
		const struct engine_mark found = {.mark = some_mark(at),
						  .deadline = (int64_t)(at % 2)};

		r = each(&found, user);
	}
	return r == 0 && mood & 4 ? -EIO : r;
}

int engine_leases(struct engine *engine, uint64_t after,
		  int (*each)(const struct engine_lease *lease, void *user), void *user)
{
	int r = 0;

	(void)engine;
	for (uint64_t at = after + 1; r == 0 && at <= MARKS; at++) {
		const struct engine_lease lease = {.id = at, .ttl = 1, .owner = "unix:uid=0"};

		r = each(&lease, user);
	}
	return r;
}

uint64_t engine_revision(struct engine *engine)
{
	(void)engine;
	return MARKS;
}

static void refuse(struct fault *fault)
{
	fault_set(fault, FAULT_PERMISSION_DENIED, FAULT_REASON_NOT_OWNER, "lease_id",
		  "the mark is another owner's");
}

static void carry_out(struct engine_op *op)
{
	for (size_t i = 0; i < op->n_updates; i++) {
		struct engine_update *update = &op->updates[i];

		if (!update->fault && mood & 8)
			refuse(engine_update_refuse(update));
		op->failed += update->fault != NULL;
		update->outcome = update->fault			 ? OUTCOME_NONE
				  : update->verb == UPDATE_CLEAR ? OUTCOME_REMOVED
								 : OUTCOME_CREATED;
	}
	if (op->all_or_nothing && op->failed) {
		op->fault = *op->updates[0].fault;
		op->failed_update = 0;
	}
}

void engine_submit(struct engine *engine, struct engine_op *op)
{
	(void)engine;
	require(op->owner && op->owner[0] && strlen(op->owner) <= MARK_OWNER_MAX);
	require(op->wanted(op));
	*op->there = some_mark(9);
	if (op->n_updates > 0)
		op->there->match = op->updates[0].match;
	op->granted = (struct engine_lease){.id = 1, .ttl = op->ttl, .owner = "unix:uid=0"};
	op->outcome = OUTCOME_REMOVED;
	op->revision = MARKS;
	if (mood & 16)
		op->cancelled = true;
	else if (mood & 32)
		refuse(&op->fault);
	else
		carry_out(op);
	op->done(op);
}

/* ---- what else handlers ask ---- */

struct datapath_fill datapath_fill(const struct datapath *datapath)
{
	(void)datapath;
	return (struct datapath_fill){.marks_capacity = 20, .networks_capacity = 10};
}

struct interface_count datapath_interface(const struct datapath *datapath, uint32_t ifindex)
{
	(void)datapath, (void)ifindex;
	return (struct interface_count){.seen = 1};
}

struct traffic_count datapath_marked(const struct datapath *datapath)
{
	(void)datapath;
	return (struct traffic_count){1, 2};
}

int64_t datapath_since(const struct datapath *datapath)
{
	(void)datapath;
	return 1;
}

struct pair_count datapath_pair(const struct datapath *datapath, uint16_t experiment,
				uint8_t activity)
{
	(void)datapath, (void)experiment, (void)activity;
	return (struct pair_count){.sent = {0, 0}};
}

struct traffic_count datapath_observed_other(const struct datapath *datapath)
{
	return datapath_marked(datapath);
}

int watch_hub_add(struct watch_hub *hub, struct rpc_call *call, const struct watch_start *start)
{
	(void)hub, (void)call, (void)start;
	return mood & 1 ? -EBUSY : -ENOMEM;
}

void watch_hub_writable(struct watcher *watcher)
{
	require(!watcher);
}

void watch_hub_closed(struct watcher *watcher)
{
	require(!watcher);
}

/* ---- a call ---- */

static void set_up_service(void)
{
	static struct registry *registry;
	static struct policy *policy;

	if (!registry)
		require(!registry_builtin(&registry) && !policy_builtin(&policy));
	call_fixture_reset(NULL);
	call_fixture.service.registry = registry;
	call_fixture.service.policy = policy;
	strcpy(call_fixture.service.state_id, "01010101010101010101010101010101");
	if (mood & 64)
		strcpy(call_fixture.peer.identity, "dns:stranger.example.org");
}

static void check_plain(const struct rpc_method *method, const uint8_t *data, size_t size,
			const ProtobufCMessage *usual)
{
	const ProtobufCMessage *plain;
	struct arena arena;

	arena_init(&arena, arena_cap_for(size));
	plain = plain_unpack(method->request, &arena, data, size);
	require(!plain || (usual && same_message(plain, usual)));
	arena_clear(&arena);
}

static void handle_message(const struct rpc_method *method, const uint8_t *data, size_t size)
{
	struct rpc_status status = {.code = 0};
	const ProtobufCMessage *message;
	struct arena arena;

	if (check_message(method->request, data, size, false, &status)) {
		require(status.code && status.reason[0] && status.message[0]);
		check_plain(method, data, size, NULL);
		rpc_call_finish(NULL, &status, NULL);
		return;
	}
	arena_init(&arena, arena_cap_for(size));
	message = protobuf_c_message_unpack(method->request, &arena.allocator, size, data);
	if (!arena.exhausted)
		check_plain(method, data, size, message);
	/* NULL also where a message occurs twice, with other members of a oneof. */
	if (message)
		method->message(NULL, message);
	else
		rpc_call_finish(NULL, &(struct rpc_status){.code = 3, .reason = "X"}, NULL);
	arena_clear(&arena);
}

static void handle_stream(const struct rpc_method *method, const uint8_t *data, size_t size)
{
	while (size >= 2 && !call_fixture.finished) {
		size_t length = (size_t)data[0] << 8 | data[1];

		data += 2;
		size -= 2;
		if (length > size)
			length = size;
		handle_message(method, data, length);
		data += length;
		size -= length;
	}
	if (!call_fixture.finished)
		method->half_closed(NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rpc_service service = service_methods(&call_fixture.service);
	const struct rpc_method *method;

	if (size < HEAD)
		return 0;
	method = &service.methods[data[0] % service.n_methods];
	mood = data[1];
	set_up_service();
	if (method->kind == RPC_CLIENT_STREAM)
		handle_stream(method, data + HEAD, size - HEAD);
	else
		handle_message(method, data + HEAD, size - HEAD);
	if (method->closed)
		method->closed(NULL);
	require(call_fixture.finished == 1 && call_fixture.references == 0);
	require(call_fixture.status.code == 0 || call_fixture.status.reason[0]);
	return 0;
}
