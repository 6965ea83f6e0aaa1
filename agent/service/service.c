/* SPDX-License-Identifier: Apache-2.0 */
#include "service/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/engine.h"
#include "now.h"
#include "service/access.h"
#include "service/handlers.h"

#define SERVICE "waymark.v1.MarkerService"

#define UNARY(rpc, role, type, handler, ...)                                                 \
	{                                                                                    \
		.path = "/" SERVICE "/" rpc, .kind = RPC_UNARY, .needs = role,               \
		.request = &waymark__v1__##type##_request__descriptor,                       \
		.response = &waymark__v1__##type##_response__descriptor, .message = handler, \
		__VA_ARGS__                                                                  \
	}

static const struct rpc_method methods[] = {
	UNARY("SetMark", ACCESS_WRITER, set_mark, handle_set_mark),
	UNARY("ClearMark", ACCESS_WRITER, clear_mark, handle_clear_mark),
	UNARY("GetMark", ACCESS_VIEWER, get_mark, handle_get_mark),
	UNARY("ListMarks", ACCESS_VIEWER, list_marks, handle_list_marks, .takes_long = true),
	UNARY("Stats", ACCESS_VIEWER, stats, handle_stats, .takes_long = true),
	UNARY("ApplyMarks", ACCESS_WRITER, apply_marks, handle_apply_marks),
	{
		.path = "/" SERVICE "/ReplaceMarks",
		.kind = RPC_CLIENT_STREAM,
		.takes_long = true,
		.needs = ACCESS_WRITER,
		.request = &waymark__v1__replace_marks_request__descriptor,
		.response = &waymark__v1__replace_marks_response__descriptor,
		.message = handle_replace_message,
		.half_closed = handle_replace_end,
		.closed = handle_replace_closed,
		.idle_ms = SERVICE_IDLE_MS,
	},
	{
		.path = "/" SERVICE "/WatchMarks",
		.kind = RPC_SERVER_STREAM,
		.needs = ACCESS_VIEWER,
		.request = &waymark__v1__watch_marks_request__descriptor,
		.response = &waymark__v1__watch_marks_response__descriptor,
		.message = handle_watch_marks,
		.writable = handle_watch_writable,
		.closed = handle_watch_closed,
	},
	UNARY("GrantLease", ACCESS_WRITER, grant_lease, handle_grant_lease),
	UNARY("RenewLease", ACCESS_WRITER, renew_lease, handle_renew_lease),
	UNARY("RevokeLease", ACCESS_WRITER, revoke_lease, handle_revoke_lease),
	UNARY("ListLeases", ACCESS_VIEWER, list_leases, handle_list_leases, .takes_long = true),
};

struct rpc_service service_methods(struct service *service)
{
	return (struct rpc_service){.name = SERVICE,
				    .methods = methods,
				    .n_methods = sizeof(methods) / sizeof(methods[0]),
				    .user = service};
}

static void hex(char text[33], const uint8_t id[static 16])
{
	for (size_t i = 0; i < 16; i++)
		snprintf(text + 2 * i, 3, "%02x", id[i]);
}

void service_init(struct service *service)
{
	uint8_t id[ENGINE_STATE_ID_SIZE];

	/* 16 octets at once never fail once the pool is seeded, which getrandom() waits for. */
	if (getrandom(id, sizeof(id), 0) != sizeof(id))
		abort();
	hex(service->instance_id, id);
	engine_state_id(service->engine, id);
	hex(service->state_id, id);
	service->start_time = now_on(CLOCK_REALTIME);
}
