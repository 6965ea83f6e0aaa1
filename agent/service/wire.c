/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing: values of core as messages. wire_read.c reads.
 */
#include "service/wire.h"

#include <stdio.h>
#include <string.h>

#include "now.h"

/* When a client may try again what failed for reasons that pass. */
#define WIRE_RETRY_AFTER_MS 500

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
	if (mark->lifetime == MARK_TTL) {
		wire_write_duration(&wire->ttl, (int64_t)mark->ttl);
		wire->message.lifetime_case = WAYMARK__V1__MARK__LIFETIME_TTL;
		wire->message.ttl = &wire->ttl;
	}
	if (mark->lifetime == MARK_LEASE) {
		wire->message.lifetime_case = WAYMARK__V1__MARK__LIFETIME_LEASE_ID;
		wire->message.lease_id = mark->lease;
	}
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

struct mark wire_mark_of(const struct engine_update *update, const char *owner)
{
	struct mark mark = {.match = update->match,
			    .action = update->action,
			    .lifetime = update->lifetime,
			    .lease = update->lease,
			    .ttl = update->ttl,
			    .revision = update->revision,
			    .create_time = update->create_time};

	snprintf(mark.cookie, sizeof(mark.cookie), "%s", update->cookie);
	snprintf(mark.owner, sizeof(mark.owner), "%s", owner);
	return mark;
}

void wire_write_removal(struct wire_mark *wire, const struct removal *removal)
{
	waymark__v1__mark__init(&wire->message);
	write_match(wire, &removal->match);
	wire->message.owner = text(removal->owner);
	wire->message.revision = removal->revision;
	wire_write_counters(&wire->counters, removal->counters);
	wire->message.counters = &wire->counters;
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
