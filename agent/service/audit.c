/* SPDX-License-Identifier: Apache-2.0 */
#include "service/audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/match.h"
#include "now.h"
#include "ops/audit_log.h"
#include "ops/text_line.h"
#include "service/access.h"
#include "service/service.h"
#include "service/submission.h"

/* ---- members of the line's object ---- */

static void add_text(struct text_line *line, const char *key, const char *value)
{
	if (value && value[0])
		text_line_add_value(line, value, "\"", ",\"%s\":\"", key);
}

static void add_number(struct text_line *line, const char *key, uint64_t value)
{
	char text[64];
	int size = snprintf(text, sizeof(text), ",\"%s\":%" PRIu64, key, value);

	text_line_add(line, text, (size_t)size);
}

/* Most of them are none. */
static void add_count(struct text_line *line, const char *key, uint64_t value)
{
	if (value > 0)
		add_number(line, key, value);
}

/* "/package.Service/Method": what is behind the last slash. */
static const char *method_name(const struct rpc_call *call)
{
	const char *path = rpc_call_method(call)->path, *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void begin(struct text_line *line, const char *event, const struct rpc_call *call)
{
	const struct rpc_peer *peer = rpc_call_peer(call);
	char now[TEXT_LINE_TIME_SIZE];

	text_line_time(now);
	text_line_add_value(line, event, "\"", "{\"time\":\"%s\",\"event\":\"", now);
	add_text(line, "identity", peer->identity);
	add_text(line, "peer", peer->address);
	add_text(line, "rpc", method_name(call));
}

/* The call may be one of another service, or of none. */
static void end(struct text_line *line, const struct service *service,
		const struct rpc_call *call)
{
	add_number(line, "request_bytes", rpc_call_octets(call));
	text_line_end(line, "}\n");
	audit_log_write(service->audit, line->text, line->used);
}

/* ---- refusals ---- */

void audit_refusal(const struct service *service, const struct rpc_call *call,
		   const struct rpc_status *status)
{
	const bool only_reads = rpc_call_method(call)->needs < ACCESS_WRITER;
	struct text_line line = {.used = 0};

	if (!service->audit || (only_reads && status->code == FAULT_NOT_FOUND))
		return;
	begin(&line, "refused", call);
	add_number(&line, "code", (uint64_t)status->code);
	add_text(&line, "reason", status->reason);
	add_text(&line, "field", status->field);
	add_text(&line, "message", status->message);
	end(&line, service, call);
}

/* ---- changes ---- */

static const char *const outcome_names[] = {
	[OUTCOME_NONE] = "",	       [OUTCOME_CREATED] = "CREATED",
	[OUTCOME_UPDATED] = "UPDATED", [OUTCOME_UNCHANGED] = "UNCHANGED",
	[OUTCOME_REMOVED] = "REMOVED", [OUTCOME_ABSENT] = "ABSENT",
};

static void add_match(struct text_line *line, const struct match *match)
{
	char text[MATCH_ADDRESS_TEXT_MAX];

	match_destination_text(match, text);
	add_text(line, "destination", text);
	match_source_text(match, text);
	add_text(line, "source", text);
	add_count(line, "protocol", match->protocol);
	add_count(line, "source_port", match->source_port);
	add_count(line, "destination_port", match->destination_port);
}

static void add_action(struct text_line *line, const struct mark_action *action)
{
	if (action->label == MARK_LABEL_RAW)
		add_number(line, "flow_label", action->flow_label);
	if (action->label == MARK_LABEL_SCITAG) {
		add_number(line, "experiment", action->experiment);
		add_number(line, "activity", action->activity);
	}
	if (action->has_dscp)
		add_number(line, "dscp", action->dscp);
}

/* The one update of a SetMark or ClearMark. */
static void add_update(struct text_line *line, const struct engine_update *update)
{
	add_match(line, &update->match);
	if (update->verb == UPDATE_SET) {
		add_action(line, &update->action);
		add_count(line, "lease", update->lifetime == MARK_LEASE ? update->lease : 0);
		add_count(line, "ttl_s",
			  update->lifetime == MARK_TTL ? update->ttl / NANOSECONDS : 0);
	}
	add_text(line, "outcome", outcome_names[update->outcome]);
}

/* The first that failed stands for all. */
static void add_failures(struct text_line *line, const struct engine_op *op)
{
	add_count(line, "failed", op->failed);
	for (size_t i = 0; i < op->n_updates; i++) {
		if (!op->updates[i].fault)
			continue;
		add_text(line, "failure", op->updates[i].fault->reason);
		return;
	}
}

static void add_updates(struct text_line *line, const struct engine_op *op)
{
	add_number(line, "updates", op->n_updates);
	add_count(line, "created", op->created);
	add_count(line, "updated", op->updated);
	add_count(line, "unchanged", op->unchanged);
	add_count(line, "removed", op->removed);
	add_count(line, "absent", op->absent);
	add_failures(line, op);
}

static void add_lease(struct text_line *line, const struct engine_op *op)
{
	const bool is_granted = op->verb != ENGINE_REVOKE;

	add_number(line, "lease", is_granted ? op->granted.id : op->lease);
	if (is_granted)
		add_number(line, "ttl_s", op->granted.ttl / NANOSECONDS);
	else
		add_text(line, "outcome", outcome_names[op->outcome]);
	add_count(line, "removed", op->removed);
}

static void add_operation(struct text_line *line, const struct submission *submission)
{
	const struct engine_op *op = &submission->engine;

	if (op->verb != ENGINE_APPLY && op->verb != ENGINE_REPLACE)
		add_lease(line, op);
	else if (submission->is_single)
		add_update(line, &op->updates[0]);
	else
		add_updates(line, op);
}

void audit_change(const struct submission *submission)
{
	const struct service *service = rpc_call_service(submission->call);
	const struct engine_op *op = &submission->engine;
	struct text_line line = {.used = 0};

	if (!service->audit || op->validate_only)
		return;
	begin(&line, "change", submission->call);
	add_text(&line, "owner", op->owner);
	add_count(&line, "election_id", op->election_id);
	add_operation(&line, submission);
	add_number(&line, "revision_before",
		   op->first_revision ? op->first_revision - 1 : op->revision);
	add_number(&line, "revision", op->revision);
	end(&line, service, submission->call);
}
