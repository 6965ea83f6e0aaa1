/* SPDX-License-Identifier: Apache-2.0 */
#include "service/operation.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "now.h"
#include "service/access.h"
#include "service/handlers.h"
#include "service/service.h"
#include "service/wire.h"

int operation_keep(struct rpc_call *call, const char **text, struct fault *fault)
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
	int r;

	if (!owner[0] || strcmp(owner, peer->identity) == 0) {
		op->owner = peer->identity;
		return 0;
	}
	r = wire_check_text(owner, MARK_OWNER_MAX, "owner", fault);
	if (r < 0)
		return fault_prefix(fault, "options"), r;
	if (access_role(peer) != ACCESS_ADMIN)
		return fault_set(fault, FAULT_PERMISSION_DENIED, FAULT_REASON_NO_ACCESS,
				 "options.owner", "%s may not write for owner %s",
				 peer->identity, owner);
	op->owner = owner;
	op->for_other = true;
	return operation_keep(call, &op->owner, fault);
}

int operation_read_options(struct operation *operation, struct rpc_call *call,
			   const Waymark__V1__WriteOptions *options, struct fault *fault)
{
	struct engine_op *op = &operation->engine;

	operation->call = call;
	op->is_admin = access_role(rpc_call_peer(call)) == ACCESS_ADMIN;
	op->lease_quota = SERVICE_LEASES_MAX;
	op->election_id = options ? options->election_id : 0;
	op->validate_only = options && options->validate_only;
	return read_owner(op, call, options ? options->owner : "", fault);
}

const struct engine_update *operation_failed_update(const struct operation *operation)
{
	const struct engine_op *op = &operation->engine;

	if (!op->all_or_nothing || op->failed_update >= op->n_updates ||
	    !op->updates[op->failed_update].fault)
		return NULL;
	return &op->updates[op->failed_update];
}

/* RFC 3339, as in the JSON form of google.protobuf.Timestamp. */
static void add_expire_time(struct rpc_status *status, int64_t deadline)
{
	int64_t at = reply_expire_time(deadline);
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
static void add_there(struct rpc_status *status, const struct operation *operation)
{
	const struct engine_update *failed = operation_failed_update(operation);
	const struct mark *there = &operation->there;

	/* An earlier update of the same call may have left the mark that it removed. */
	if (there->revision == 0 || !failed ||
	    memcmp(&failed->match, &there->match, sizeof(there->match)) != 0)
		return;
	rpc_status_add(status, "owner", "%s", there->owner);
	rpc_status_add(status, "revision", "%" PRIu64, there->revision);
	rpc_status_add(status, "cookie", "%s", there->cookie);
	add_expire_time(status, operation->engine.there_deadline);
}

static void refuse(struct operation *operation)
{
	struct rpc_status status = {.code = 0};

	if (operation->locate && operation_failed_update(operation))
		operation->locate(operation, &operation->engine.fault);
	wire_status(&status, &operation->engine.fault);
	add_there(&status, operation);
	rpc_call_finish(operation->call, &status, NULL);
}

static void answer_cancelled(struct operation *operation)
{
	struct rpc_status status = {.code = 0};

	rpc_status_set(&status, FAULT_ABORTED, FAULT_REASON_CANCELLED,
		       "the call ended before its turn; nothing was changed");
	rpc_call_finish(operation->call, &status, NULL);
}

void operation_discard(struct operation *operation)
{
	engine_op_done(&operation->engine);
	operation->release(operation);
}

static void operation_done(struct engine_op *op)
{
	struct operation *operation = (struct operation *)op;
	struct rpc_call *call = operation->call;

	if (op->cancelled)
		answer_cancelled(operation);
	else if (op->fault.code != FAULT_NONE)
		refuse(operation);
	else
		operation->answer(operation);
	operation_discard(operation);
	rpc_call_unref(call);
}

static bool operation_wanted(struct engine_op *op)
{
	return !rpc_call_cancelled(((struct operation *)op)->call);
}

void operation_submit(struct operation *operation)
{
	const struct service *service = rpc_call_service(operation->call);

	rpc_call_ref(operation->call);
	operation->engine.wanted = operation_wanted;
	operation->engine.done = operation_done;
	operation->engine.there = &operation->there;
	engine_submit(service->engine, &operation->engine);
}
