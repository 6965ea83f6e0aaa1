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

/* Handlers of rpc_method.message. write.c, read.c, list.c, stats.c. */
void handle_set_mark(struct rpc_call *call, const ProtobufCMessage *request);
void handle_clear_mark(struct rpc_call *call, const ProtobufCMessage *request);
void handle_get_mark(struct rpc_call *call, const ProtobufCMessage *request);
void handle_list_marks(struct rpc_call *call, const ProtobufCMessage *request);
void handle_stats(struct rpc_call *call, const ProtobufCMessage *request);

/* Header of an answer; borrows the service's ids. */
void reply_header(Waymark__V1__ResponseHeader *header, const struct service *service,
		  uint64_t revision);

/* Finishes the call with a refusal. */
void reply_fault(struct rpc_call *call, const struct fault *fault);

/* Finishes the call with RESOURCE_EXHAUSTED / MEMORY. */
void reply_out_of_memory(struct rpc_call *call);

/* Whose mark a call acts for: the caller's own unless the options name another. */
const char *call_owner(const struct rpc_call *call, const Waymark__V1__WriteOptions *options);

#endif
