/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ReplaceMarks: begin, chunks, commit, half-close; then one operation of the engine. Until then
 * nothing is known outside the stream, so that one that ends in any other way leaves no trace.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/datapath.h"
#include "service/handlers.h"
#include "service/submission.h"
#include "service/result.h"
#include "service/service.h"
#include "service/staging.h"
#include "service/wire.h"

/* What the call's data points to, from `begin` until the engine has it or the stream ends. */
struct replace {
	struct submission submission; /* first */
	struct staging staging;
	struct result_list failures;
	bool allow_empty;
	bool committed;
};

/* ---- the answer ---- */

static void replace_answer(struct submission *submission)
{
	struct replace *replace = (struct replace *)submission;
	const struct engine_op *op = &submission->engine;
	Waymark__V1__ReplaceMarksResponse response = WAYMARK__V1__REPLACE_MARKS_RESPONSE__INIT;
	Waymark__V1__ResponseHeader header;

	reply_header(&header, rpc_call_service(submission->call), op->revision);
	result_list_fill(&replace->failures, op->updates, op->n_updates, true);
	response.header = &header;
	response.created = op->created;
	response.updated = op->updated;
	response.unchanged = op->unchanged;
	response.removed = op->removed;
	response.failed = op->failed;
	response.failures = replace->failures.messages;
	response.n_failures = replace->failures.n;
	rpc_call_finish(submission->call, NULL, &response.base);
}

static void locate_in(struct fault *fault, const char *list, size_t n)
{
	char place[40];

	snprintf(place, sizeof(place), "%s[%zu]", list, n);
	fault_prefix(fault, place);
}

/* The engine knows no chunks: marks are counted over all of them, as UpdateResult.index is. */
static void replace_locate(const struct submission *submission,
			   const struct engine_update *failed, struct fault *fault)
{
	if (failed)
		locate_in(fault, "marks", submission->engine.failed_update);
	else if (strcmp(fault->field, "options.election_id") == 0)
		fault_prefix(fault, "begin");
}

/* ---- life ---- */

static void replace_release(struct submission *submission)
{
	struct replace *replace = (struct replace *)submission;

	result_list_done(&replace->failures);
	staging_done(&replace->staging);
	free(replace);
}

static struct replace *replace_new(struct service *service)
{
	const struct datapath_fill fill = datapath_fill(service->datapath);
	const size_t marks_max = (size_t)fill.marks_capacity + fill.networks_capacity;
	struct replace *replace = calloc(1, sizeof(*replace));

	if (!replace)
		return NULL;
	replace->submission = (struct submission){.engine.verb = ENGINE_REPLACE,
						  .answer = replace_answer,
						  .locate = replace_locate,
						  .release = replace_release};
	staging_init(&replace->staging, marks_max, &service->staged,
		     marks_max * STAGING_OCTETS_PER_MARK);
	if (result_list_init(&replace->failures, SERVICE_FAILURES_MAX) < 0) {
		replace_release(&replace->submission);
		return NULL;
	}
	return replace;
}

/* Takes it from the call, with the updates where the engine looks for them. NULL: there is
 * none. */
static struct replace *replace_take(struct rpc_call *call)
{
	struct replace *replace = rpc_call_data(call);

	if (!replace)
		return NULL;
	rpc_call_set_data(call, NULL);
	replace->submission.engine.updates = replace->staging.updates;
	replace->submission.engine.n_updates = replace->staging.n;
	return replace;
}

void handle_replace_closed(struct rpc_call *call)
{
	struct replace *replace = replace_take(call);

	if (replace)
		submission_discard(&replace->submission);
}

/* Its memory goes at once, whenever the client takes the status. */
static void replace_refuse(struct rpc_call *call, const struct fault *fault)
{
	reply_fault(call, fault);
	handle_replace_closed(call);
}

/* ---- the steps ---- */

static int refuse_step(struct fault *fault, const char *step, const char *why)
{
	return fault_set(fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_PROTOCOL, step, "%s %s",
			 step, why);
}

static int read_begin(struct rpc_call *call, const Waymark__V1__ReplaceBegin *begin,
		      struct fault *fault)
{
	struct replace *replace;
	struct engine_op *op;
	int r;

	if (rpc_call_data(call))
		return refuse_step(fault, "begin", "comes first, and once");
	replace = replace_new(rpc_call_service(call));
	if (!replace)
		return fault_set(fault, FAULT_RESOURCE_EXHAUSTED, FAULT_REASON_MEMORY, NULL,
				 "the agent is out of memory");
	rpc_call_set_data(call, replace);
	op = &replace->submission.engine;
	r = submission_read_options(&replace->submission, call, begin->options, fault);
	if (r < 0)
		return fault_prefix(fault, "begin"), r;
	op->all_or_nothing =
		begin->atomicity == WAYMARK__V1__ATOMICITY__ATOMICITY_ALL_OR_NOTHING;
	op->if_owner_revision = begin->if_owner_revision;
	replace->allow_empty = begin->allow_empty;
	return 0;
}

/* What staging_add() said, as a fault. */
static void refuse_mark(const struct staging *staging, int error, struct fault *fault)
{
	if (error == -EEXIST) {
		fault_set(fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_REPEATED_MATCH, "match",
			  "this match was declared before");
	} else if (error == -ENOSPC) {
		fault_set(fault, FAULT_RESOURCE_EXHAUSTED, FAULT_REASON_TABLE_FULL, NULL,
			  "more than %zu marks: the tables have no room for them",
			  staging->marks_max);
		fault->subject = "marks";
	} else {
		fault_set(fault, FAULT_RESOURCE_EXHAUSTED, FAULT_REASON_MEMORY, NULL,
			  "no memory for more marks: all open ReplaceMarks streams share %zu "
			  "octets",
			  staging->octets_max);
	}
}

/* The n-th of a chunk. A mark whose match cannot be read could be any that is there, and ends
 * the stream. What else is bad fails that mark, or all: it is named as the writer would name
 * it, by its place among all that were declared. */
static int read_mark(struct replace *replace, const struct mark_reader *reader,
		     const Waymark__V1__Mark *message, size_t n, struct fault *fault)
{
	struct staging *staging = &replace->staging;
	struct engine_update update = {.verb = UPDATE_SET, .cookie = ""};
	struct fault bad;
	bool is_bad = submission_read_mark(reader, message, &update, &bad) < 0;
	int r;

	if (is_bad && wire_read_match(message->match, &update.match, NULL) < 0) {
		*fault = bad;
		r = -EINVAL;
	} else if (is_bad && replace->submission.engine.all_or_nothing) {
		*fault = bad;
		locate_in(fault, "marks", staging->n);
		return -EINVAL;
	} else {
		r = staging_add(staging, &update, is_bad ? &bad : NULL);
		if (r < 0)
			refuse_mark(staging, r, fault);
	}
	if (r < 0)
		locate_in(fault, "chunk.marks", n);
	return r;
}

static int read_chunk(struct rpc_call *call, const Waymark__V1__ReplaceChunk *chunk,
		      struct fault *fault)
{
	const struct mark_reader reader = submission_reader(call);
	struct replace *replace = rpc_call_data(call);
	int r = 0;

	if (!replace || replace->committed)
		return refuse_step(fault, "chunk", "comes between begin and commit");
	for (size_t i = 0; r == 0 && i < chunk->n_marks; i++)
		r = read_mark(replace, &reader, chunk->marks[i], i, fault);
	return r;
}

static int read_commit(struct rpc_call *call, const Waymark__V1__ReplaceCommit *commit,
		       struct fault *fault)
{
	struct replace *replace = rpc_call_data(call);

	if (!replace || replace->committed)
		return refuse_step(fault, "commit", "comes last, and once");
	if (commit->mark_count != replace->staging.n)
		return fault_set(fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_PROTOCOL,
				 "commit.mark_count",
				 "mark_count %" PRIu64 ": %zu marks have arrived",
				 commit->mark_count, replace->staging.n);
	if (commit->mark_count == 0 && !replace->allow_empty)
		return fault_set(fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_MISSING_FIELD,
				 "begin.allow_empty",
				 "no marks, which would remove all of the owner's: this needs "
				 "allow_empty");
	replace->committed = true;
	return 0;
}

void handle_replace_message(struct rpc_call *call, const ProtobufCMessage *message)
{
	const Waymark__V1__ReplaceMarksRequest *request =
		(const Waymark__V1__ReplaceMarksRequest *)message;
	struct fault fault;
	int r;

	switch (request->step_case) {
	case WAYMARK__V1__REPLACE_MARKS_REQUEST__STEP_BEGIN:
		r = read_begin(call, request->begin, &fault);
		break;
	case WAYMARK__V1__REPLACE_MARKS_REQUEST__STEP_CHUNK:
		r = read_chunk(call, request->chunk, &fault);
		break;
	case WAYMARK__V1__REPLACE_MARKS_REQUEST__STEP_COMMIT:
		r = read_commit(call, request->commit, &fault);
		break;
	default:
		r = fault_set(&fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_MISSING_FIELD,
			      "step", "a step is required: begin, chunk or commit");
	}
	if (r < 0)
		replace_refuse(call, &fault);
}

void handle_replace_end(struct rpc_call *call)
{
	struct replace *replace = rpc_call_data(call);
	struct fault fault;

	if (!replace || !replace->committed) {
		refuse_step(&fault, "commit", "is missing: the stream ended without it");
		replace_refuse(call, &fault);
		return;
	}
	submission_send(&replace_take(call)->submission);
}
