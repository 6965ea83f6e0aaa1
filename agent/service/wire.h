/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of waymark.v1 <-> values of core. Pure functions, any thread.
 */
#ifndef WAYMARK_SERVICE_WIRE_H
#define WAYMARK_SERVICE_WIRE_H

#include <waymark/v1/marker.pb-c.h>

#include "core/engine.h"
#include "core/match.h"
#include "core/scitag.h"
#include "rpc/status.h"
#include "service/service.h"

/* Reading: 0, or -EINVAL with the fault's field relative to the message that was read. NULL
 * messages are faults (MISSING_FIELD). */
int wire_read_match(const Waymark__V1__Match *message, struct match *ret, struct fault *fault);
/* Fills *ret as the setting of this mark, whose cookie it goes on to borrow; output-only fields
 * of the message are ignored. */
int wire_read_mark(const Waymark__V1__Mark *message, const struct registry *registry,
		   struct engine_update *ret, struct fault *fault);
/* Adds conditions to *ret, whose verb decides what is allowed; NULL: none. The fault's field
 * begins with "precondition.". */
int wire_read_precondition(const Waymark__V1__Precondition *message, struct engine_update *ret,
			   struct fault *fault);
int wire_read_scitag(const Waymark__V1__Scitag *message, const struct registry *registry,
		     struct mark_action *ret, struct fault *fault);
int wire_read_flow_label(uint32_t label, struct mark_action *ret, struct fault *fault);
int wire_read_ttl(const Google__Protobuf__Duration *duration, uint64_t *ret,
		  struct fault *fault);
int wire_read_lease_id(uint64_t id, uint64_t *ret, struct fault *fault);
/* Text of at most so many octets. */
int wire_check_text(const char *text, size_t max, const char *field, struct fault *fault);
/* The same, copied into `size` octets with its NUL. */
int wire_read_text(const char *text, const char *field, char *ret, size_t size,
		   struct fault *fault);

/* The mark that an update of this owner's has set. */
struct mark wire_mark_of(const struct engine_update *update, const char *owner);

/* What of a mark changes without a revision. */
struct wire_state {
	const struct traffic_count *counters; /* NULL: left out */
	int64_t expire_time; /* ns since 1970; 0: left out */
};

/* Write a mark as this field of a message; names are those of the registry. Of a removed mark
 * that is match, kind, owner, revision and final counters. At most SERVICE_MARK_OCTETS at `to`,
 * and some more are scratch; return the end. */
#define WIRE_MARK_ROOM (SERVICE_MARK_OCTETS + 16)
uint8_t *wire_put_mark(uint8_t *to, uint32_t field, const struct mark *mark,
		       const struct registry *registry, const struct wire_state *state);
uint8_t *wire_put_removal(uint8_t *to, uint32_t field, const struct removal *removal);

/* Borrows names from the registry; an experiment of 0 has none. */
void wire_write_scitag(Waymark__V1__Scitag *message, uint16_t experiment, uint8_t activity,
		       const struct registry *registry);
void wire_write_duration(Google__Protobuf__Duration *message, int64_t nanoseconds);
void wire_write_time(Google__Protobuf__Timestamp *message, int64_t nanoseconds);
void wire_write_counters(Waymark__V1__Counters *message, struct traffic_count counters);
Waymark__V1__Outcome wire_outcome(enum outcome outcome);

/* A refusal as the status of a call. */
void wire_status(struct rpc_status *status, const struct fault *fault);

#endif
