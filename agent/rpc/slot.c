/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pre-posted calls. Without a slot for unknown methods the C core lets those hang until the
 * client's deadline.
 */
#include <errno.h>
#include <grpc/slice.h>
#include <stdlib.h>

#include "rpc/internal.h"
#include "rpc/limits.h"

static grpc_call_error slot_arm(struct rpc_slot *slot)
{
	struct rpc_server *server = slot->entry->server;
	const struct rpc_entry *entry = slot->entry;
	bool reads_first =
		entry->method->kind == RPC_UNARY || entry->method->kind == RPC_SERVER_STREAM;

	/* The elements are the last call's; only the array is ours. */
	slot->metadata.count = 0;
	if (!entry->registered)
		return grpc_server_request_call(server->core, &slot->call, &slot->details,
						&slot->metadata, server->queue, server->queue,
						tag_send(&slot->arrived));
	return grpc_server_request_registered_call(
		server->core, entry->registered, &slot->call, &slot->deadline, &slot->metadata,
		reads_first ? &slot->payload : NULL, server->queue, server->queue,
		tag_send(&slot->arrived));
}

static void slot_describe_unknown(struct rpc_slot *slot, struct rpc_status *status)
{
	const grpc_slice *path = &slot->details.method;

	rpc_status_set(status, GRPC_STATUS_UNIMPLEMENTED, "UNKNOWN_METHOD",
		       "there is no method %.*s", (int)GRPC_SLICE_LENGTH(*path),
		       (const char *)GRPC_SLICE_START_PTR(*path));
	slot->deadline = slot->details.deadline;
	grpc_call_details_destroy(&slot->details);
	grpc_call_details_init(&slot->details);
}

static void slot_arrived(struct rpc_tag *tag, bool ok)
{
	struct rpc_slot *slot = container_of(tag, struct rpc_slot, arrived);
	struct rpc_status status = {.code = 0};
	struct rpc_call *call;

	/* The server is stopping: nothing has arrived, and nothing will. */
	if (!ok)
		return;
	if (!slot->entry->registered)
		slot_describe_unknown(slot, &status);
	call = call_new(slot);
	slot_arm(slot);
	if (status.code)
		call_refuse(call, &status);
	else
		call_start(call);
}

static int slots_post_entry(struct rpc_server *server, const struct rpc_entry *entry)
{
	for (size_t i = 0; i < RPC_SLOTS; i++) {
		struct rpc_slot *slot = &server->slots[server->n_slots++];

		slot->arrived.done = slot_arrived;
		slot->entry = entry;
		grpc_metadata_array_init(&slot->metadata);
		grpc_call_details_init(&slot->details);
		if (slot_arm(slot) != GRPC_CALL_OK)
			return -EINVAL;
	}
	return 0;
}

int slots_post(struct rpc_server *server)
{
	int err;

	server->slots = calloc((server->n_entries + 1) * RPC_SLOTS, sizeof(*server->slots));
	if (!server->slots)
		return -ENOMEM;
	for (size_t i = 0; i < server->n_entries; i++) {
		err = slots_post_entry(server, server->entries[i]);
		if (err)
			return err;
	}
	return slots_post_entry(server, &server->unknown);
}

void slots_free(struct rpc_server *server)
{
	for (size_t i = 0; i < server->n_slots; i++) {
		grpc_metadata_array_destroy(&server->slots[i].metadata);
		grpc_call_details_destroy(&server->slots[i].details);
	}
	free(server->slots);
}
