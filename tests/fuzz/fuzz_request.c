/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Octets of a SetMark request, on the way that a request takes: checked, unpacked into a capped
 * arena, read. What is accepted must survive being written and read again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/registry.h"
#include "rpc/arena.h"
#include "rpc/check.h"
#include "service/service.h"
#include "service/wire.h"

#define TYPE waymark__v1__set_mark_request__descriptor

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
	if (!truth)
		abort();
}

static void check_same(const struct engine_update *mark, const struct engine_update *again)
{
	require(!memcmp(&mark->match, &again->match, sizeof(mark->match)));
	require(mark_action_equal(&mark->action, &again->action));
	require(mark->lifetime == again->lifetime && mark->ttl == again->ttl &&
		mark->lease == again->lease);
	require(!strcmp(mark->cookie, again->cookie));
}

/* As SetMark would answer it, a request again: its only field is the mark. */
static void check_rewritten(const struct engine_update *update, const struct registry *registry)
{
	const struct mark mark = wire_mark_of(update, "");
	const struct wire_state state = {.counters = NULL};
	struct rpc_status status = {.code = 0};
	Waymark__V1__SetMarkRequest *request;
	uint8_t octets[WIRE_MARK_ROOM];
	struct engine_update again;
	struct fault fault;
	size_t size;

	size = (size_t)(wire_put_mark(octets, 1, &mark, registry, &state) - octets);
	require(size <= SERVICE_MARK_OCTETS);
	require(!check_message(&TYPE, octets, size, false, &status));
	request = waymark__v1__set_mark_request__unpack(NULL, size, octets);
	require(request && !wire_read_mark(request->mark, registry, &again, &fault));
	check_same(update, &again);
	waymark__v1__set_mark_request__free_unpacked(request, NULL);
}

static void read_request(const ProtobufCMessage *message, const struct registry *registry)
{
	const Waymark__V1__SetMarkRequest *request =
		(const Waymark__V1__SetMarkRequest *)message;
	struct engine_update update;
	struct fault fault = {.code = FAULT_NONE};

	if (!wire_read_mark(request->mark, registry, &update, &fault))
		check_rewritten(&update, registry);
	else
		require(fault.code == FAULT_INVALID_ARGUMENT && fault.message[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct registry *registry;
	struct rpc_status status = {.code = 0};
	const ProtobufCMessage *message;
	struct arena arena;

	if (!registry)
		require(!registry_builtin(&registry));
	if (check_message(&TYPE, data, size, false, &status)) {
		require(status.code && status.reason[0]);
		return 0;
	}
	arena_init(&arena, arena_cap_for(size));
	message = protobuf_c_message_unpack(&TYPE, &arena.allocator, size, data);
	/* Also NULL where a message occurs twice, with other members of a oneof: protobuf-c
	 * cannot merge those. */
	if (message)
		read_request(message, registry);
	arena_clear(&arena);
	return 0;
}
