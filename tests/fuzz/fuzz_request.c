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

static void check_rewritten(const struct engine_update *update, const struct registry *registry)
{
	Waymark__V1__SetMarkRequest request = WAYMARK__V1__SET_MARK_REQUEST__INIT;
	struct rpc_status status = {.code = 0};
	const struct mark mark = wire_mark_of(update, "");
	struct engine_update again;
	struct wire_mark wire;
	struct fault fault;
	uint8_t octets[4096];
	size_t size;

	wire_write_mark(&wire, &mark, registry);
	require(!wire_read_mark(&wire.message, registry, &again, &fault));
	check_same(update, &again);
	request.mark = &wire.message;
	require(waymark__v1__set_mark_request__get_packed_size(&request) <= sizeof(octets));
	size = waymark__v1__set_mark_request__pack(&request, octets);
	require(!check_message(&TYPE, octets, size, false, &status));
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
