/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GetMark.
 */
#include <errno.h>

#include "core/engine.h"
#include "service/answer.h"
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

static void answer(struct rpc_call *call, const struct engine_mark *found, uint64_t revision,
		   bool is_counted)
{
	enum { RESPONSE_MARK = 2 };
	const struct service *service = rpc_call_service(call);
	const struct wire_state state = {
		.counters = is_counted ? &found->counters : NULL,
		.expire_time = reply_expire_time(found->deadline, reply_wall_ahead())};
	struct answer answer;

	if (answer_init(&answer, service, revision) < 0) {
		reply_out_of_memory(call);
		return;
	}
	answer.end = wire_put_mark(answer.end, RESPONSE_MARK, &found->mark, service->registry,
				   &state);
	answer_finish(call, &answer);
}

void handle_get_mark(struct rpc_call *call, const ProtobufCMessage *message)
{
	const Waymark__V1__GetMarkRequest *request =
		(const Waymark__V1__GetMarkRequest *)message;
	const struct service *service = rpc_call_service(call);
	struct engine_mark found;
	struct match match;
	struct fault fault;
	uint64_t revision;
	bool is_counted;
	int r;

	if (wire_read_match(request->match, &match, &fault) < 0) {
		fault_prefix(&fault, "match");
		reply_fault(call, &fault);
		return;
	}
	is_counted = engine_is_started(service->engine);
	revision = engine_revision(service->engine);
	r = request->effective ? engine_effective(service->engine, &match, &found)
			       : engine_get(service->engine, &match, &found);
	if (r == -ENOENT)
		refuse_absent(call, &match, request->effective);
	else if (r < 0)
		reply_store(call, r);
	else
		answer(call, &found, revision, is_counted);
}
