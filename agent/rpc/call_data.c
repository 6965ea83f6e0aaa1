/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a handler may ask of its call, and leave with it.
 */
#include "rpc/call.h"
#include "rpc/internal.h"

void *rpc_call_service(const struct rpc_call *call)
{
	return call->entry->service->user;
}

const struct rpc_method *rpc_call_method(const struct rpc_call *call)
{
	return call->entry->method;
}

size_t rpc_call_octets(const struct rpc_call *call)
{
	return call->octets;
}

const struct rpc_peer *rpc_call_peer(const struct rpc_call *call)
{
	return &call->peer;
}

void rpc_call_set_data(struct rpc_call *call, void *data)
{
	call->data = data;
}

void *rpc_call_data(const struct rpc_call *call)
{
	return call->data;
}

void *rpc_call_alloc(struct rpc_call *call, size_t size)
{
	return arena_alloc(&call->memory, size);
}
