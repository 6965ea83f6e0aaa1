/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "now.h"
#include "service/service.h"
#include "service/wire.h"

int wire_read_match(const Waymark__V1__Match *message, struct match *ret, struct fault *fault)
{
	if (!message)
		return fault_set(fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_MISSING_FIELD, "",
				 "a match is required");
	return match_parse(&(struct match_text){.destination = message->destination,
						.source = message->source,
						.protocol = message->protocol,
						.source_port = message->source_port,
						.destination_port = message->destination_port},
			   ret, fault);
}

int wire_read_scitag(const Waymark__V1__Scitag *message, const struct registry *registry,
		     struct mark_action *ret, struct fault *fault)
{
	const struct scitag_text text = {.experiment_id = message->experiment_id,
					 .activity_id = message->activity_id,
					 .experiment = message->experiment,
					 .activity = message->activity};
	uint16_t experiment;
	uint8_t activity;
	int r = scitag_resolve(registry, &text, &experiment, &activity, fault);

	if (r < 0)
		return r;
	ret->label = MARK_LABEL_SCITAG;
	ret->experiment = experiment;
	ret->activity = activity;
	return 0;
}

int wire_read_flow_label(uint32_t label, struct mark_action *ret, struct fault *fault)
{
	if (label > SCITAG_LABEL_MAX)
		return fault_set(fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_OUT_OF_RANGE,
				 "flow_label", "flow_label %u: not in 0..%u", label,
				 SCITAG_LABEL_MAX);
	ret->label = MARK_LABEL_RAW;
	ret->flow_label = label;
	return 0;
}

static int read_label(const Waymark__V1__Mark *message, const struct registry *registry,
		      struct mark_action *ret, struct fault *fault)
{
	int r = 0;

	if (message->label_case == WAYMARK__V1__MARK__LABEL_FLOW_LABEL)
		return wire_read_flow_label(message->flow_label, ret, fault);
	if (message->label_case == WAYMARK__V1__MARK__LABEL_SCITAG) {
		r = wire_read_scitag(message->scitag, registry, ret, fault);
		if (r < 0)
			fault_prefix(fault, "scitag");
	}
	return r;
}

static int read_dscp(const Waymark__V1__Mark *message, struct mark_action *ret,
		     struct fault *fault)
{
	if (message->dscp_choice_case != WAYMARK__V1__MARK__DSCP_CHOICE_DSCP)
		return 0;
	if (message->dscp > 63)
		return fault_set(fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_OUT_OF_RANGE,
				 "dscp", "dscp %u: not in 0..63", message->dscp);
	ret->has_dscp = true;
	ret->dscp = (uint8_t)message->dscp;
	return 0;
}

static int read_action(const Waymark__V1__Mark *message, const struct registry *registry,
		       struct mark_action *ret, struct fault *fault)
{
	int r = read_label(message, registry, ret, fault);

	if (r == 0)
		r = read_dscp(message, ret, fault);
	if (r == 0 && ret->label == MARK_LABEL_NONE && !ret->has_dscp)
		r = fault_set(fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_MISSING_FIELD,
			      "label", "a mark needs flow_label, scitag or dscp");
	return r;
}

/* The sum, held within what 64 bits of nanoseconds carry: beyond that no duration is in range.
 */
static int64_t nanoseconds_of(const Google__Protobuf__Duration *duration)
{
	const int64_t most = INT64_MAX / NANOSECONDS - 1;

	if (duration->seconds > most)
		return INT64_MAX;
	if (duration->seconds < -most)
		return INT64_MIN;
	return duration->seconds * NANOSECONDS + duration->nanos;
}

int wire_read_ttl(const Google__Protobuf__Duration *duration, uint64_t *ret,
		  struct fault *fault)
{
	int64_t seconds, ttl;
	int32_t nanos;

	if (!duration)
		return fault_set(fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_MISSING_FIELD,
				 "ttl", "a ttl is required");
	seconds = duration->seconds;
	nanos = duration->nanos;
	ttl = nanoseconds_of(duration);

	if (nanos <= -NANOSECONDS || nanos >= NANOSECONDS)
		return fault_set(fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_OUT_OF_RANGE,
				 "ttl", "ttl with nanos %d: not in -999999999..999999999",
				 nanos);
	if ((seconds < 0 && nanos > 0) || (seconds > 0 && nanos < 0))
		return fault_set(fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_OUT_OF_RANGE,
				 "ttl",
				 "ttl with seconds %" PRId64 " and nanos %d: not of one sign",
				 seconds, nanos);
	if (ttl < SERVICE_TTL_MIN || ttl > SERVICE_TTL_MAX)
		return fault_set(fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_OUT_OF_RANGE,
				 "ttl",
				 "ttl with seconds %" PRId64 " and nanos %d: not in %" PRId64
				 "..%" PRId64 " seconds",
				 seconds, nanos, SERVICE_TTL_MIN / NANOSECONDS,
				 SERVICE_TTL_MAX / NANOSECONDS);
	*ret = (uint64_t)ttl;
	return 0;
}

int wire_read_lease_id(uint64_t id, uint64_t *ret, struct fault *fault)
{
	if (id == 0)
		return fault_set(fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_MISSING_FIELD,
				 "lease_id", "lease_id 0: no lease has it");
	*ret = id;
	return 0;
}

static int read_lifetime(const Waymark__V1__Mark *message, struct engine_update *ret,
			 struct fault *fault)
{
	switch (message->lifetime_case) {
	case WAYMARK__V1__MARK__LIFETIME_TTL:
		ret->lifetime = MARK_TTL;
		return wire_read_ttl(message->ttl, &ret->ttl, fault);
	case WAYMARK__V1__MARK__LIFETIME_LEASE_ID:
		ret->lifetime = MARK_LEASE;
		return wire_read_lease_id(message->lease_id, &ret->lease, fault);
	default:
		ret->lifetime = MARK_FOREVER;
		return 0;
	}
}

int wire_check_text(const char *text, size_t max, const char *field, struct fault *fault)
{
	size_t length = strlen(text);

	if (length > max)
		return fault_set(fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_OUT_OF_RANGE,
				 field, "%s of %zu octets: not in 0..%zu", field, length, max);
	return 0;
}

int wire_read_text(const char *text, const char *field, char *ret, size_t size,
		   struct fault *fault)
{
	int r = wire_check_text(text, size - 1, field, fault);

	if (r == 0)
		memcpy(ret, text, strlen(text) + 1);
	return r;
}

int wire_read_mark(const Waymark__V1__Mark *message, const struct registry *registry,
		   struct engine_update *ret, struct fault *fault)
{
	struct engine_update update = {.verb = UPDATE_SET};
	int r;

	if (!message)
		return fault_set(fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_MISSING_FIELD, "",
				 "a mark is required");
	r = wire_read_match(message->match, &update.match, fault);
	if (r < 0)
		return fault_prefix(fault, "match"), r;
	r = read_action(message, registry, &update.action, fault);
	if (r == 0)
		r = read_lifetime(message, &update, fault);
	if (r == 0)
		r = wire_check_text(message->cookie, MARK_COOKIE_MAX, "cookie", fault);
	update.cookie = message->cookie;
	if (r == 0)
		*ret = update;
	return r;
}

int wire_read_precondition(const Waymark__V1__Precondition *message, struct engine_update *ret,
			   struct fault *fault)
{
	if (!message)
		return 0;
	if (message->must_not_exist && ret->verb == UPDATE_CLEAR)
		return fault_set(fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_UNEXPECTED_FIELD,
				 "precondition.must_not_exist",
				 "must_not_exist true: makes no sense for a clear");
	if (message->must_not_exist && message->if_revision)
		return fault_set(fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_UNEXPECTED_FIELD,
				 "precondition.if_revision",
				 "if_revision %" PRIu64 ": not beside must_not_exist",
				 message->if_revision);
	ret->must_not_exist = message->must_not_exist;
	ret->if_revision = message->if_revision;
	return 0;
}
