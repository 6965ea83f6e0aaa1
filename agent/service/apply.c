/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ApplyMarks: many updates as one operation.
 */
#include <stdio.h>
#include <stdlib.h>

#include "service/handlers.h"
#include "service/submission.h"
#include "service/result.h"
#include "service/service.h"
#include "service/wire.h"

struct apply {
	struct submission submission; /* first */
	struct engine_update *updates;
	struct result_list results;
	bool only_failures;
};

static void apply_answer(struct submission *submission)
{
	struct apply *apply = (struct apply *)submission;
	const struct engine_op *op = &submission->engine;
	Waymark__V1__ApplyMarksResponse response = WAYMARK__V1__APPLY_MARKS_RESPONSE__INIT;
	Waymark__V1__ResponseHeader header;

	for (size_t i = 0; i < op->n_updates; i++)
		if (op->updates[i].fault)
			submission_locate_lease(op->updates[i].fault, "set");
	reply_header(&header, rpc_call_service(submission->call), op->revision);
	result_list_fill(&apply->results, op->updates, op->n_updates, apply->only_failures);
	response.header = &header;
	response.failed = (uint32_t)op->failed;
	response.results = apply->results.messages;
	response.n_results = apply->results.n;
	rpc_call_finish(submission->call, NULL, &response.base);
}

static void locate_update(struct fault *fault, size_t n)
{
	char place[32];

	snprintf(place, sizeof(place), "updates[%zu]", n);
	fault_prefix(fault, place);
}

static void apply_locate(const struct submission *submission,
			 const struct engine_update *failed, struct fault *fault)
{
	if (!failed)
		return;
	submission_locate_lease(fault, "set");
	locate_update(fault, submission->engine.failed_update);
}

static void apply_release(struct submission *submission)
{
	struct apply *apply = (struct apply *)submission;

	result_list_done(&apply->results);
	free(apply->updates);
	free(apply);
}

/* With room for as many updates; NULL: out of memory. */
static struct apply *apply_new(size_t n_updates)
{
	struct apply *apply = calloc(1, sizeof(*apply));

	if (!apply)
		return NULL;
	apply->submission = (struct submission){.engine.verb = ENGINE_APPLY,
						.answer = apply_answer,
						.locate = apply_locate,
						.release = apply_release};
	apply->updates = calloc(n_updates + 1, sizeof(*apply->updates));
	if (!apply->updates || result_list_init(&apply->results, n_updates) < 0) {
		apply_release(&apply->submission);
		return NULL;
	}
	apply->submission.engine.updates = apply->updates;
	return apply;
}

static int read_update(const Waymark__V1__MarkUpdate *message, struct rpc_call *call,
		       const struct mark_reader *reader, struct engine_update *ret,
		       struct fault *fault)
{
	int r;

	switch (message->update_case) {
	case WAYMARK__V1__MARK_UPDATE__UPDATE_SET:
		r = submission_read_mark(reader, message->set, ret, fault);
		if (r < 0)
			return fault_prefix(fault, "set"), r;
		r = submission_keep(call, &ret->cookie, fault);
		break;
	case WAYMARK__V1__MARK_UPDATE__UPDATE_CLEAR:
		ret->verb = UPDATE_CLEAR;
		r = wire_read_match(message->clear, &ret->match, fault);
		if (r < 0)
			return fault_prefix(fault, "clear"), r;
		break;
	default:
		return fault_set(fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_MISSING_FIELD, "",
				 "an update is required: set or clear");
	}
	return r < 0 ? r : wire_read_precondition(message->precondition, ret, fault);
}

/* A bad update is a result of its own, unless it is to fail the call. */
static int read_updates(struct apply *apply, struct rpc_call *call,
			const Waymark__V1__ApplyMarksRequest *request, struct fault *fault)
{
	const struct mark_reader reader = submission_reader(call);
	struct engine_op *op = &apply->submission.engine;

	for (size_t i = 0; i < request->n_updates; i++) {
		struct engine_update *update = &apply->updates[i];

		if (read_update(request->updates[i], call, &reader, update, fault) == 0)
			continue;
		if (op->all_or_nothing) {
			locate_update(fault, i);
			return -EINVAL;
		}
		*engine_update_refuse(update) = *fault;
	}
	op->n_updates = request->n_updates;
	return 0;
}

static int read_request(struct apply *apply, struct rpc_call *call,
			const Waymark__V1__ApplyMarksRequest *request, struct fault *fault)
{
	int r = submission_read_options(&apply->submission, call, request->options, fault);

	if (r < 0)
		return r;
	apply->only_failures = request->only_failures;
	apply->submission.engine.all_or_nothing =
		request->atomicity == WAYMARK__V1__ATOMICITY__ATOMICITY_ALL_OR_NOTHING;
	return read_updates(apply, call, request, fault);
}

void handle_apply_marks(struct rpc_call *call, const ProtobufCMessage *message)
{
	const Waymark__V1__ApplyMarksRequest *request =
		(const Waymark__V1__ApplyMarksRequest *)message;
	struct apply *apply;
	struct fault fault;

	if (request->n_updates > SERVICE_UPDATES_MAX) {
		fault_set(&fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_OUT_OF_RANGE, "updates",
			  "%zu updates: not in 0..%d", request->n_updates, SERVICE_UPDATES_MAX);
		reply_fault(call, &fault);
		return;
	}
	apply = apply_new(request->n_updates);
	if (!apply) {
		reply_out_of_memory(call);
	} else if (read_request(apply, call, request, &fault) < 0) {
		reply_fault(call, &fault);
		submission_discard(&apply->submission);
	} else {
		submission_send(&apply->submission);
	}
}
