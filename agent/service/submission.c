/* SPDX-License-Identifier: Apache-2.0 */
#include "service/submission.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "now.h"
#include "service/access.h"
#include "service/audit.h"
#include "service/handlers.h"
#include "service/service.h"
#include "service/wire.h"

struct mark_reader submission_reader(const struct rpc_call *call)
{
	const struct service *service = rpc_call_service(call);

	return (struct mark_reader){.registry = service->registry,
				    .rule = access_rule_of(call)};
}

int submission_read_mark(const struct mark_reader *reader, const Waymark__V1__Mark *message,
			 struct engine_update *ret, struct fault *fault)
{
	int r = wire_read_mark(message, reader->registry, ret, fault);

	return r < 0 ? r : policy_check_mark(reader->rule, ret, fault);
}

int submission_keep(struct rpc_call *call, const char **text, struct fault *fault)
{
	size_t size = strlen(*text) + 1;
	char *kept;

	if (size == 1) {
		*text = "";
		return 0;
	}
	kept = rpc_call_alloc(call, size);
	if (!kept)
		return fault_set(fault, FAULT_RESOURCE_EXHAUSTED, FAULT_REASON_MEMORY, NULL,
				 "the agent is out of memory");
	*text = memcpy(kept, *text, size);
	return 0;
}

static int read_owner(struct engine_op *op, struct rpc_call *call, const char *owner,
		      struct fault *fault)
{
	const struct rpc_peer *peer = rpc_call_peer(call);
	const struct policy_rule *rule = access_rule_of(call);
	int r;

	op->owner = access_owner(rule, peer);
	if (!owner[0] || strcmp(owner, op->owner) == 0)
		return 0;
	r = wire_check_text(owner, MARK_OWNER_MAX, "owner", fault);
	if (r < 0)
		return fault_prefix(fault, "options"), r;
	if (rule->role != ACCESS_ADMIN)
		return fault_set(fault, FAULT_PERMISSION_DENIED, FAULT_REASON_NO_ACCESS,
				 "options.owner", "%s may not write for owner %s",
				 peer->identity, owner);
	op->owner = owner;
	op->for_other = true;
	return submission_keep(call, &op->owner, fault);
}

int submission_read_options(struct submission *submission, struct rpc_call *call,
			    const Waymark__V1__WriteOptions *options, struct fault *fault)
{
	const struct policy_rule *rule = access_rule_of(call);
	struct engine_op *op = &submission->engine;

	submission->call = call;
	op->is_admin = rule->role == ACCESS_ADMIN;
	op->quota = rule->quota;
	op->lease_quota = SERVICE_LEASES_MAX;
	op->election_id = options ? options->election_id : 0;
	op->validate_only = options && options->validate_only;
	return read_owner(op, call, options ? options->owner : "", fault);
}

const struct engine_update *submission_failed_update(const struct submission *submission)
{
	const struct engine_op *op = &submission->engine;

	if (!op->all_or_nothing || op->failed_update >= op->n_updates ||
	    !op->updates[op->failed_update].fault)
		return NULL;
	return &op->updates[op->failed_update];
}

void submission_locate_lease(struct fault *fault, const char *mark)
{
	if (strcmp(fault->field, "lease_id") == 0)
		fault_prefix(fault, mark);
}

/* RFC 3339, as in the JSON form of google.protobuf.Timestamp. */
static void add_expire_time(struct rpc_status *status, int64_t deadline)
{
	int64_t at = reply_expire_time(deadline, reply_wall_ahead());
	time_t seconds = at / NANOSECONDS;
	struct tm utc;
	char text[32];

	if (deadline == 0 || !gmtime_r(&seconds, &utc))
		return;
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
	rpc_status_add(status, "expire_time", "%s.%03dZ", text,
		       (int)(at % NANOSECONDS / 1000000));
}

/* Facts about the mark that stands in the way, for whoever has to decide what to do about it.
 */
static void add_there(struct rpc_status *status, const struct submission *submission)
{
	const struct engine_update *failed = submission_failed_update(submission);
	const struct mark *there = &submission->there;

	/* An earlier update of the same call may have left the mark that it removed. */
	if (there->revision == 0 || !failed ||
	    memcmp(&failed->match, &there->match, sizeof(there->match)) != 0)
		return;
	rpc_status_add(status, "owner", "%s", there->owner);
	rpc_status_add(status, "revision", "%" PRIu64, there->revision);
	rpc_status_add(status, "cookie", "%s", there->cookie);
	add_expire_time(status, submission->engine.there_deadline);
}

static void refuse(struct submission *submission)
{
	struct rpc_status status = {.code = 0};

	if (submission->locate)
		submission->locate(submission, submission_failed_update(submission),
				   &submission->engine.fault);
	wire_status(&status, &submission->engine.fault);
	add_there(&status, submission);
	rpc_call_finish(submission->call, &status, NULL);
}

static void answer_cancelled(struct submission *submission)
{
	struct rpc_status status = {.code = 0};

	rpc_status_set(&status, FAULT_ABORTED, FAULT_REASON_CANCELLED,
		       "the call ended before its turn; nothing was changed");
	rpc_call_finish(submission->call, &status, NULL);
}

void submission_discard(struct submission *submission)
{
	engine_op_done(&submission->engine);
	submission->release(submission);
}

/* False: there are too many already. Another thread may come between the look and the count:
 * a few more do no harm. */
static bool queue_enter(struct service *service, struct submission *submission)
{
	const struct engine_op *op = &submission->engine;

	if (atomic_load(&service->queued) >= SERVICE_QUEUE_OPERATIONS ||
	    atomic_load(&service->queued_octets) >= SERVICE_QUEUE_OCTETS)
		return false;
	submission->octets = sizeof(*submission) + op->n_updates * sizeof(*op->updates);
	atomic_fetch_add(&service->queued, 1);
	atomic_fetch_add(&service->queued_octets, submission->octets);
	return true;
}

static void queue_leave(struct service *service, const struct submission *submission)
{
	atomic_fetch_sub(&service->queued, 1);
	atomic_fetch_sub(&service->queued_octets, submission->octets);
}

static void answer_busy(struct submission *submission)
{
	struct rpc_status status = {.retry_after_ms = SERVICE_BUSY_RETRY_MS};

	rpc_status_set(&status, FAULT_RESOURCE_EXHAUSTED, FAULT_REASON_BUSY,
		       "too many writes wait for their turn; nothing was changed");
	rpc_call_finish(submission->call, &status, NULL);
	submission_discard(submission);
}

static void submission_done(struct engine_op *op)
{
	struct submission *submission = (struct submission *)op;
	struct rpc_call *call = submission->call;

	queue_leave(rpc_call_service(call), submission);
	if (op->cancelled)
		answer_cancelled(submission);
	else if (op->fault.code != FAULT_NONE)
		refuse(submission);
	else {
		audit_change(submission);
		submission->answer(submission);
	}
	submission_discard(submission);
	rpc_call_unref(call);
}

static bool submission_wanted(struct engine_op *op)
{
	return !rpc_call_cancelled(((struct submission *)op)->call);
}

void submission_send(struct submission *submission)
{
	struct service *service = rpc_call_service(submission->call);

	if (!queue_enter(service, submission)) {
		answer_busy(submission);
		return;
	}
	rpc_call_ref(submission->call);
	submission->engine.wanted = submission_wanted;
	submission->engine.done = submission_done;
	submission->engine.there = &submission->there;
	engine_submit(service->engine, &submission->engine);
}
