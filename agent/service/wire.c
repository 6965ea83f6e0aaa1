/* SPDX-License-Identifier: Apache-2.0 */
#include "service/wire.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "service/service.h"

/* When a client may try again what failed for reasons that pass. */
#define WIRE_RETRY_AFTER_MS 500

#define NANOSECONDS INT64_C(1000000000)

/* ---- reading ---- */

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

static int read_ttl(const Google__Protobuf__Duration *duration, struct mark *ret,
		    struct fault *fault)
{
	int64_t seconds = duration->seconds, ttl = nanoseconds_of(duration);
	int32_t nanos = duration->nanos;

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
	ret->lifetime = MARK_TTL;
	ret->ttl = (uint64_t)ttl;
	return 0;
}

static int read_lifetime(const Waymark__V1__Mark *message, struct mark *ret,
			 struct fault *fault)
{
	if (message->lifetime_case != WAYMARK__V1__MARK__LIFETIME_TTL)
		return 0;
	return read_ttl(message->ttl, ret, fault);
}

int wire_read_cookie(const char *cookie, char ret[static MARK_COOKIE_MAX + 1],
		     struct fault *fault)
{
	size_t length = strlen(cookie);

	if (length > MARK_COOKIE_MAX)
		return fault_set(fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_OUT_OF_RANGE,
				 "cookie", "cookie of %zu octets: not in 0..%d", length,
				 MARK_COOKIE_MAX);
	memcpy(ret, cookie, length + 1);
	return 0;
}

int wire_read_mark(const Waymark__V1__Mark *message, const struct registry *registry,
		   struct mark *ret, struct fault *fault)
{
	struct mark mark = {.revision = 0};
	int r;

	if (!message)
		return fault_set(fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_MISSING_FIELD, "",
				 "a mark is required");
	r = wire_read_match(message->match, &mark.match, fault);
	if (r < 0)
		return fault_prefix(fault, "match"), r;
	r = read_action(message, registry, &mark.action, fault);
	if (r == 0)
		r = read_lifetime(message, &mark, fault);
	if (r == 0)
		r = wire_read_cookie(message->cookie, mark.cookie, fault);
	if (r == 0)
		*ret = mark;
	return r;
}

/* ---- writing ---- */

/* protobuf-c has no const strings; packing does not write to them. */
static char *text(const char *constant)
{
	return (char *)(constant ? constant : "");
}

static void write_match(struct wire_mark *wire, const struct match *match)
{
	waymark__v1__match__init(&wire->match);
	match_destination_text(match, wire->destination);
	match_source_text(match, wire->source);
	wire->match.destination = wire->destination;
	wire->match.source = wire->source;
	wire->match.protocol = (Waymark__V1__Protocol)match->protocol;
	wire->match.source_port = match->source_port;
	wire->match.destination_port = match->destination_port;
	wire->message.match = &wire->match;
	wire->message.kind = (Waymark__V1__Kind)match->kind;
}

void wire_write_scitag(Waymark__V1__Scitag *message, uint16_t experiment, uint8_t activity,
		       const struct registry *registry)
{
	waymark__v1__scitag__init(message);
	message->experiment_id = experiment;
	message->activity_id = activity;
	message->experiment = text(registry_experiment_name(registry, experiment));
	message->activity = text(registry_activity_name(registry, experiment, activity));
}

static void write_action(struct wire_mark *wire, const struct mark_action *action,
			 const struct registry *registry)
{
	if (action->label == MARK_LABEL_SCITAG) {
		wire_write_scitag(&wire->scitag, action->experiment, action->activity,
				  registry);
		wire->message.label_case = WAYMARK__V1__MARK__LABEL_SCITAG;
		wire->message.scitag = &wire->scitag;
	}
	if (action->label == MARK_LABEL_RAW) {
		wire->message.label_case = WAYMARK__V1__MARK__LABEL_FLOW_LABEL;
		wire->message.flow_label = action->flow_label;
	}
	if (action->has_dscp) {
		wire->message.dscp_choice_case = WAYMARK__V1__MARK__DSCP_CHOICE_DSCP;
		wire->message.dscp = action->dscp;
	}
}

void wire_write_time(Google__Protobuf__Timestamp *message, int64_t nanoseconds)
{
	google__protobuf__timestamp__init(message);
	message->seconds = nanoseconds / NANOSECONDS;
	message->nanos = (int32_t)(nanoseconds % NANOSECONDS);
}

void wire_write_duration(Google__Protobuf__Duration *message, int64_t nanoseconds)
{
	google__protobuf__duration__init(message);
	message->seconds = nanoseconds / NANOSECONDS;
	message->nanos = (int32_t)(nanoseconds % NANOSECONDS);
}

static void write_lifetime(struct wire_mark *wire, const struct mark *mark)
{
	if (mark->lifetime != MARK_TTL)
		return;
	wire_write_duration(&wire->ttl, (int64_t)mark->ttl);
	wire->message.lifetime_case = WAYMARK__V1__MARK__LIFETIME_TTL;
	wire->message.ttl = &wire->ttl;
}

void wire_write_counters(Waymark__V1__Counters *message, struct traffic_count counters)
{
	waymark__v1__counters__init(message);
	message->packets = counters.packets;
	message->bytes = counters.bytes;
}

void wire_write_mark(struct wire_mark *wire, const struct mark *mark,
		     const struct registry *registry)
{
	waymark__v1__mark__init(&wire->message);
	write_match(wire, &mark->match);
	write_action(wire, &mark->action, registry);
	write_lifetime(wire, mark);
	wire->message.cookie = text(mark->cookie);
	wire->message.owner = text(mark->owner);
	wire->message.revision = mark->revision;
	wire_write_time(&wire->create_time, mark->create_time);
	wire->message.create_time = &wire->create_time;
}

void wire_write_state(struct wire_mark *wire, const struct traffic_count *counters,
		      int64_t expire_time)
{
	if (expire_time) {
		wire_write_time(&wire->expire_time, expire_time);
		wire->message.expire_time = &wire->expire_time;
	}
	if (counters) {
		wire_write_counters(&wire->counters, *counters);
		wire->message.counters = &wire->counters;
	}
}

Waymark__V1__Outcome wire_outcome(enum outcome outcome)
{
	_Static_assert((int)OUTCOME_CREATED == WAYMARK__V1__OUTCOME__OUTCOME_CREATED &&
			       (int)OUTCOME_ABSENT == WAYMARK__V1__OUTCOME__OUTCOME_ABSENT,
		       "the engine numbers outcomes as the API does");
	return (Waymark__V1__Outcome)outcome;
}

void wire_status(struct rpc_status *status, const struct fault *fault)
{
	rpc_status_set(status, (int)fault->code, fault->reason, "%s", fault->message);
	strncpy(status->field, fault->field, sizeof(status->field) - 1);
	if (fault->subject)
		strncpy(status->quota_subject, fault->subject,
			sizeof(status->quota_subject) - 1);
	if (fault->code == FAULT_UNAVAILABLE)
		status->retry_after_ms = WIRE_RETRY_AFTER_MS;
}
