/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this room share: the handlers, and how they answer.
 */
#ifndef WAYMARK_HANDLERS_H
#define WAYMARK_HANDLERS_H

#include <waymark/v1/marker.pb-c.h>

#include "core/fault.h"
#include "rpc/call.h"

struct service;

/* Handlers of rpc_method.message. write.c, read.c, list.c, stats.c, apply.c, leases.c. */
void handle_set_mark(struct rpc_call *call, const ProtobufCMessage *request);
void handle_clear_mark(struct rpc_call *call, const ProtobufCMessage *request);
void handle_get_mark(struct rpc_call *call, const ProtobufCMessage *request);
void handle_list_marks(struct rpc_call *call, const ProtobufCMessage *request);
void handle_stats(struct rpc_call *call, const ProtobufCMessage *request);
void handle_apply_marks(struct rpc_call *call, const ProtobufCMessage *request);
void handle_grant_lease(struct rpc_call *call, const ProtobufCMessage *request);
void handle_renew_lease(struct rpc_call *call, const ProtobufCMessage *request);
void handle_revoke_lease(struct rpc_call *call, const ProtobufCMessage *request);
void handle_list_leases(struct rpc_call *call, const ProtobufCMessage *request);

/* ReplaceMarks, of rpc_method.message, half_closed and closed. replace.c. */
void handle_replace_message(struct rpc_call *call, const ProtobufCMessage *request);
void handle_replace_end(struct rpc_call *call);
void handle_replace_closed(struct rpc_call *call);

/* WatchMarks, of rpc_method.message, writable and closed. watch.c. */
void handle_watch_marks(struct rpc_call *call, const ProtobufCMessage *request);
void handle_watch_writable(struct rpc_call *call);
void handle_watch_closed(struct rpc_call *call);

/* reply.c */

/* Header of an answer; borrows the service's ids. */
void reply_header(Waymark__V1__ResponseHeader *header, const struct service *service,
		  uint64_t revision);

/* Finishes the call with a refusal. */
void reply_fault(struct rpc_call *call, const struct fault *fault);

/* Finishes the call with RESOURCE_EXHAUSTED / MEMORY. */
void reply_out_of_memory(struct rpc_call *call);

/* Finishes the call with UNAVAILABLE / STORE, or like reply_out_of_memory(): the store could
 * not be read, with this negative errno. */
void reply_store(struct rpc_call *call, int error);

/* How far the wall clock, as it is set now, is ahead of CLOCK_BOOTTIME; ns. */
int64_t reply_wall_ahead(void);

/* The wall clock at a deadline on CLOCK_BOOTTIME; ns since 1970. 0: none, as the deadline is.
 */
static inline int64_t reply_expire_time(int64_t deadline, int64_t wall_ahead)
{
	return deadline ? deadline + wall_ahead : 0;
}

#endif
