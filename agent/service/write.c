/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SetMark and ClearMark: one operation of the engine each, answered from the writer's thread.
 */
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "core/engine.h"
#include "datapath/attach.h"
#include "ops/local_address.h"
#include "service/handlers.h"
#include "service/service.h"
#include "service/wire.h"

/* One write on its way through the engine. */
struct write {
	struct engine_op op; /* first: done() gets the write back from it */
	struct rpc_call *call;
};

static bool still_wanted(struct engine_op *op)
{
	return !rpc_call_cancelled(((struct write *)op)->call);
}

static void refuse(struct write *write)
{
	const struct engine_op *op = &write->op;
	struct rpc_status status = {.code = 0};

	wire_status(&status, &op->fault);
	if (op->conflict.revision > 0) {
		rpc_status_add(&status, "owner", "%s", op->conflict.owner);
		rpc_status_add(&status, "revision", "%lu",
			       (unsigned long)op->conflict.revision);
		rpc_status_add(&status, "cookie", "%s", op->conflict.cookie);
	}
	rpc_call_finish(write->call, &status, NULL);
}

static void cancelled(struct write *write)
{
	struct rpc_status status = {.code = 0};

	rpc_status_set(&status, FAULT_ABORTED, FAULT_REASON_CANCELLED,
		       "the call ended before its turn; nothing was changed");
	rpc_call_finish(write->call, &status, NULL);
}

/* Findings that do not prevent the mark. */
static size_t add_warnings(const struct service *service, const struct mark *mark,
			   char *warnings[static 2])
{
	size_t n = 0;

	if (mark->match.kind != MARK_NETWORK && local_address(mark->match.destination))
		warnings[n++] = (char *)"destination is local";
	if (!attach_any(service->attach))
		warnings[n++] = (char *)"no interface attached";
	return n;
}

static void answer_set(struct write *write)
{
	const struct service *service = rpc_call_service(write->call);
	const struct engine_op *op = &write->op;
	Waymark__V1__SetMarkResponse response = WAYMARK__V1__SET_MARK_RESPONSE__INIT;
	Waymark__V1__ResponseHeader header;
	struct wire_mark mark;
	char *warnings[2];

	reply_header(&header, service, op->revision);
	wire_write_mark(&mark, &op->mark, service->registry);
	wire_write_state(&mark, &op->counters, reply_expire_time(op->deadline));
	response.header = &header;
	response.outcome = wire_outcome(op->outcome);
	response.mark = &mark.message;
	response.warnings = warnings;
	response.n_warnings = add_warnings(service, &op->mark, warnings);
	rpc_call_finish(write->call, NULL, &response.base);
}

static void answer_clear(struct write *write)
{
	const struct service *service = rpc_call_service(write->call);
	const struct engine_op *op = &write->op;
	Waymark__V1__ClearMarkResponse response = WAYMARK__V1__CLEAR_MARK_RESPONSE__INIT;
	Waymark__V1__ResponseHeader header;
	struct wire_mark mark;

	reply_header(&header, service, op->revision);
	response.header = &header;
	response.outcome = wire_outcome(op->outcome);
	if (op->outcome == OUTCOME_REMOVED) {
		wire_write_mark(&mark, &op->mark, service->registry);
		wire_write_state(&mark, &op->counters, reply_expire_time(op->deadline));
		response.mark = &mark.message;
	}
	rpc_call_finish(write->call, NULL, &response.base);
}

static void write_done(struct engine_op *op)
{
	struct write *write = (struct write *)op;

	if (op->fault.code != FAULT_NONE)
		refuse(write);
	else if (op->outcome == OUTCOME_NONE)
		cancelled(write);
	else if (op->verb == ENGINE_SET)
		answer_set(write);
	else
		answer_clear(write);
	rpc_call_unref(write->call);
	free(write);
}

static int read_owner(struct rpc_call *call, const Waymark__V1__WriteOptions *options,
		      char ret[static MARK_OWNER_MAX + 1], struct fault *fault)
{
	const char *owner = call_owner(call, options);
	size_t length = strlen(owner);

	if (length > MARK_OWNER_MAX)
		return fault_set(fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_OUT_OF_RANGE,
				 "options.owner", "owner of %zu octets: not in 0..%d", length,
				 MARK_OWNER_MAX);
	memcpy(ret, owner, length + 1);
	return 0;
}

static void submit(struct rpc_call *call, enum engine_verb verb, const struct mark *mark)
{
	const struct service *service = rpc_call_service(call);
	struct write *write = calloc(1, sizeof(*write));

	if (!write) {
		reply_out_of_memory(call);
		return;
	}
	write->op = (struct engine_op){
		.verb = verb, .mark = *mark, .wanted = still_wanted, .done = write_done};
	write->call = rpc_call_ref(call);
	engine_submit(service->engine, &write->op);
}

void handle_set_mark(struct rpc_call *call, const ProtobufCMessage *message)
{
	const Waymark__V1__SetMarkRequest *request =
		(const Waymark__V1__SetMarkRequest *)message;
	const struct service *service = rpc_call_service(call);
	struct mark mark = {.revision = 0};
	struct fault fault;
	int r = wire_read_mark(request->mark, service->registry, &mark, &fault);

	if (r < 0)
		fault_prefix(&fault, "mark");
	else
		r = read_owner(call, request->options, mark.owner, &fault);
	if (r < 0)
		reply_fault(call, &fault);
	else
		submit(call, ENGINE_SET, &mark);
}

void handle_clear_mark(struct rpc_call *call, const ProtobufCMessage *message)
{
	const Waymark__V1__ClearMarkRequest *request =
		(const Waymark__V1__ClearMarkRequest *)message;
	struct mark mark = {.revision = 0};
	struct fault fault;
	int r = wire_read_match(request->match, &mark.match, &fault);

	if (r < 0)
		fault_prefix(&fault, "match");
	else
		r = read_owner(call, request->options, mark.owner, &fault);
	if (r < 0)
		reply_fault(call, &fault);
	else
		submit(call, ENGINE_CLEAR, &mark);
}
