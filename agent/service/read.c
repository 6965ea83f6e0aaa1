/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GetMark.
 */
#include <errno.h>

#include "core/engine.h"
#include "service/handlers.h"
#include "service/service.h"
#include "service/wire.h"

static void refuse_absent(struct rpc_call *call, const struct match *match, bool effective)
{
	const bool is_more = match->kind == MARK_FLOW || match->kind == MARK_ENDPOINT;
	char destination[MATCH_ADDRESS_TEXT_MAX];
	struct fault fault;

	match_destination_text(match, destination);
	if (effective)
		fault_set(&fault, FAULT_NOT_FOUND, FAULT_REASON_MARK, "match",
			  "no mark takes hold of packets to %s", destination);
	else
		fault_set(&fault, FAULT_NOT_FOUND, FAULT_REASON_MARK, "match",
			  "no mark with destination %s%s", destination,
			  is_more ? " and these other fields" : "");
	reply_fault(call, &fault);
}

void handle_get_mark(struct rpc_call *call, const ProtobufCMessage *message)
{
	const Waymark__V1__GetMarkRequest *request =
		(const Waymark__V1__GetMarkRequest *)message;
	const struct service *service = rpc_call_service(call);
	Waymark__V1__GetMarkResponse response = WAYMARK__V1__GET_MARK_RESPONSE__INIT;
	Waymark__V1__ResponseHeader header;
	struct engine_mark found;
	struct wire_mark mark;
	struct match match;
	struct fault fault;
	bool is_counted;
	int r;

	if (wire_read_match(request->match, &match, &fault) < 0) {
		fault_prefix(&fault, "match");
		reply_fault(call, &fault);
		return;
	}
	is_counted = engine_is_started(service->engine);
	reply_header(&header, service, engine_revision(service->engine));
	r = request->effective ? engine_effective(service->engine, &match, &found)
			       : engine_get(service->engine, &match, &found);
	if (r == -ENOENT) {
		refuse_absent(call, &match, request->effective);
		return;
	}
	if (r < 0) {
		reply_store(call, r);
		return;
	}
	wire_write_mark(&mark, &found.mark, service->registry);
	wire_write_state(&mark, is_counted ? &found.counters : NULL,
			 reply_expire_time(found.deadline));
	response.header = &header;
	response.mark = &mark.message;
	rpc_call_finish(call, NULL, &response.base);
}
