/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WatchMarks: where a watch begins. The rest is the hub's.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "core/engine.h"
#include "service/handlers.h"
#include "service/service.h"
#include "service/watch_hub.h"

typedef Waymark__V1__WatchMarksRequest watch_request;

static int check_resume(const watch_request *request, const struct service *service,
			uint64_t head, struct fault *fault)
{
	const uint64_t revision = request->resume_revision;
	uint64_t compacted;

	if (request->updates_only)
		return fault_set(fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_UNEXPECTED_FIELD,
				 "updates_only",
				 "updates_only begins now, resume_revision %" PRIu64
				 " where a watch ended: not both",
				 revision);
	if (strcmp(request->resume_state_id, service->state_id) != 0)
		return fault_set(fault, FAULT_OUT_OF_RANGE, FAULT_REASON_STATE_CHANGED, NULL,
				 "resume_state_id %.40s: the state is %s now, start without "
				 "resume",
				 request->resume_state_id, service->state_id);
	if (revision > head)
		return fault_set(fault, FAULT_OUT_OF_RANGE, FAULT_REASON_STATE_CHANGED, NULL,
				 "resume_revision %" PRIu64 ": the newest is %" PRIu64
				 ", start without resume",
				 revision, head);
	compacted = engine_compact_revision(service->engine);
	if (revision > 0 && revision < compacted)
		return fault_set(fault, FAULT_OUT_OF_RANGE, FAULT_REASON_COMPACTED, NULL,
				 "resume_revision %" PRIu64 ": removals up to %" PRIu64
				 " are forgotten, start without resume",
				 revision, compacted);
	return 0;
}

/* Nobody who has seen revision 0 knows of a mark that could have gone since, so that this is a
 * snapshot. */
static int read_start(const watch_request *request, const struct service *service,
		      struct watch_start *ret, struct fault *fault)
{
	const uint64_t head = engine_revision(service->engine);
	const bool resumes = request->resume_state_id[0] != '\0';
	int r = 0;

	*ret = (struct watch_start){.at = request->updates_only ? head
								: request->resume_revision,
				    .whole_at = head,
				    .until_synced = request->until_synced};
	ret->removals_after = ret->at > 0 ? ret->at : head;
	if (!resumes && request->resume_revision > 0)
		return fault_set(fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_MISSING_FIELD,
				 "resume_state_id",
				 "resume_revision %" PRIu64 " needs its resume_state_id",
				 request->resume_revision);
	if (resumes)
		r = check_resume(request, service, head, fault);
	if (r == 0)
		r = list_filter_read_lasting(request->filter, &ret->filter, fault);
	return r;
}

static void refuse_watcher(struct rpc_call *call)
{
	struct fault fault;

	fault_set(&fault, FAULT_RESOURCE_EXHAUSTED, FAULT_REASON_WATCHERS, NULL,
		  "%d watches are open: there are no more", SERVICE_WATCHERS_MAX);
	fault.subject = "watches";
	reply_fault(call, &fault);
}

void handle_watch_marks(struct rpc_call *call, const ProtobufCMessage *message)
{
	const struct service *service = rpc_call_service(call);
	struct watch_start start;
	struct fault fault;
	int r;

	if (read_start((const watch_request *)message, service, &start, &fault) < 0) {
		reply_fault(call, &fault);
		return;
	}
	r = watch_hub_add(service->watches, call, &start);
	if (r == -EBUSY)
		refuse_watcher(call);
	else if (r < 0)
		reply_out_of_memory(call);
}

/* A call that was refused has no watcher. */
void handle_watch_writable(struct rpc_call *call)
{
	struct watcher *watcher = rpc_call_data(call);

	if (watcher)
		watch_hub_writable(watcher);
}

void handle_watch_closed(struct rpc_call *call)
{
	struct watcher *watcher = rpc_call_data(call);

	if (watcher)
		watch_hub_closed(watcher);
}
