/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing: values of core as messages. wire_read.c reads, wire_mark.c writes marks.
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

void wire_write_scitag(Waymark__V1__Scitag *message, uint16_t experiment, uint8_t activity,
		       const struct registry *registry)
{
	waymark__v1__scitag__init(message);
	message->experiment_id = experiment;
	message->activity_id = activity;
	message->experiment = text(registry_experiment_name(registry, experiment));
	message->activity = text(registry_activity_name(registry, experiment, activity));
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

void wire_write_counters(Waymark__V1__Counters *message, struct traffic_count counters)
{
	waymark__v1__counters__init(message);
	message->packets = counters.packets;
	message->bytes = counters.bytes;
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
