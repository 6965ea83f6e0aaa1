/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SetMark and ClearMark: one operation of one update each.
 */
#include <stdlib.h>

#include "cleanup.h"
#include "datapath/attach.h"
#include "ops/local_address.h"
#include "service/answer.h"
#include "service/handlers.h"
#include "service/submission.h"
#include "service/service.h"
#include "service/wire.h"
#include "wire/write.h"

struct write {
	struct submission submission; /* first */
	struct engine_update update;
};

/* ---- answers ---- */

/* Findings that do not prevent the mark. */
static size_t add_warnings(const struct service *service, const struct match *match,
			   const char *warnings[static 2])
{
	size_t n = 0;

	if (match->kind != MARK_NETWORK && local_address(match->destination))
		warnings[n++] = "destination is local";
	if (!attach_any(service->attach))
		warnings[n++] = "no interface attached";
	return n;
}

/* Of SetMarkResponse and of ClearMarkResponse. */
enum { RESPONSE_OUTCOME = 2, RESPONSE_MARK, RESPONSE_WARNINGS };

/* The header, and the outcome. False: there is no memory, and the call knows. */
static bool answer_begin(struct answer *answer, const struct submission *submission,
			 const struct engine_update *update)
{
	const struct service *service = rpc_call_service(submission->call);

	if (answer_init(answer, service, submission->engine.revision) < 0) {
		reply_out_of_memory(submission->call);
		return false;
	}
	answer->end =
		wire_put_number(answer->end, RESPONSE_OUTCOME, wire_outcome(update->outcome));
	return true;
}

static void answer_set(struct submission *submission)
{
	const struct write *write = (const struct write *)submission;
	const struct service *service = rpc_call_service(submission->call);
	const struct engine_update *update = &write->update;
	const struct mark mark = wire_mark_of(update, submission->engine.owner);
	const struct wire_state state = {
		.counters = &update->counters,
		.expire_time = reply_expire_time(update->deadline, reply_wall_ahead())};
	const char *warnings[2];
	size_t n = add_warnings(service, &update->match, warnings);
	struct answer answer;

	if (!answer_begin(&answer, submission, update))
		return;
	answer.end = wire_put_mark(answer.end, RESPONSE_MARK, &mark, service->registry, &state);
	for (size_t i = 0; i < n; i++)
		answer.end = wire_put_text(answer.end, RESPONSE_WARNINGS, warnings[i]);
	answer_finish(submission->call, &answer);
}

static void answer_clear(struct submission *submission)
{
	const struct write *write = (const struct write *)submission;
	const struct service *service = rpc_call_service(submission->call);
	const struct engine_update *update = &write->update;
	const struct wire_state state = {.counters = &update->counters};
	struct answer answer;

	if (!answer_begin(&answer, submission, update))
		return;
	if (update->outcome == OUTCOME_REMOVED) {
		struct mark mark = submission->there;

		mark.revision = update->revision; /* its last change is its removal */
		answer.end = wire_put_mark(answer.end, RESPONSE_MARK, &mark, service->registry,
					   &state);
	}
	answer_finish(submission->call, &answer);
}

static void set_locate(const struct submission *submission, const struct engine_update *failed,
		       struct fault *fault)
{
	(void)submission;
	if (failed)
		submission_locate_lease(fault, "mark");
}

/* ---- requests ---- */

static void write_release(struct submission *submission)
{
	free(submission);
}

static struct write *write_new(void (*answer)(struct submission *submission))
{
	struct write *write = calloc(1, sizeof(*write));

	if (!write)
		return NULL;
	write->submission = (struct submission){
		.engine = {.verb = ENGINE_APPLY,
			   .all_or_nothing = true,
			   .updates = &write->update,
			   .n_updates = 1},
		.answer = answer,
		.is_single = true,
		.locate = set_locate,
		.release = write_release,
	};
	return write;
}

static int read_set(struct write *write, struct rpc_call *call,
		    const Waymark__V1__SetMarkRequest *request, struct fault *fault)
{
	const struct mark_reader reader = submission_reader(call);
	int r = submission_read_mark(&reader, request->mark, &write->update, fault);

	if (r < 0)
		return fault_prefix(fault, "mark"), r;
	r = wire_read_precondition(request->precondition, &write->update, fault);
	if (r == 0)
		r = submission_keep(call, &write->update.cookie, fault);
	if (r == 0)
		r = submission_read_options(&write->submission, call, request->options, fault);
	return r;
}

void handle_set_mark(struct rpc_call *call, const ProtobufCMessage *message)
{
	cleanup(free_bytes) struct write *write = write_new(answer_set);
	struct fault fault;

	if (!write)
		reply_out_of_memory(call);
	else if (read_set(write, call, (const Waymark__V1__SetMarkRequest *)message, &fault) <
		 0)
		reply_fault(call, &fault);
	else
		submission_send(&take(write)->submission);
}

static int read_clear(struct write *write, struct rpc_call *call,
		      const Waymark__V1__ClearMarkRequest *request, struct fault *fault)
{
	int r = wire_read_match(request->match, &write->update.match, fault);

	if (r < 0)
		return fault_prefix(fault, "match"), r;
	write->update.verb = UPDATE_CLEAR;
	r = wire_read_precondition(request->precondition, &write->update, fault);
	if (r == 0)
		r = submission_read_options(&write->submission, call, request->options, fault);
	return r;
}

void handle_clear_mark(struct rpc_call *call, const ProtobufCMessage *message)
{
	cleanup(free_bytes) struct write *write = write_new(answer_clear);
	struct fault fault;

	if (!write)
		reply_out_of_memory(call);
	else if (read_clear(write, call, (const Waymark__V1__ClearMarkRequest *)message,
			    &fault) < 0)
		reply_fault(call, &fault);
	else
		submission_send(&take(write)->submission);
}
