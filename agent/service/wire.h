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

/* A Mark message with everything that it points to. Do not copy: it points into itself. */
struct wire_mark {
	Waymark__V1__Mark message;
	Waymark__V1__Match match;
	Waymark__V1__Scitag scitag;
	Waymark__V1__Counters counters;
	Google__Protobuf__Duration ttl;
	Google__Protobuf__Timestamp create_time, expire_time;
	char destination[MATCH_ADDRESS_TEXT_MAX];
	char source[MATCH_ADDRESS_TEXT_MAX];
};

/* The mark that an update of this owner's has set. */
struct mark wire_mark_of(const struct engine_update *update, const char *owner);

/* Fills *wire from a mark, which it goes on to borrow, as it does the registry. */
void wire_write_mark(struct wire_mark *wire, const struct mark *mark,
		     const struct registry *registry);

/* The same from what is left of a mark: match, kind, owner, revision and final counters. */
void wire_write_removal(struct wire_mark *wire, const struct removal *removal);

/* Adds what changes without a revision. counters NULL: left out. expire_time in ns since 1970;
 * 0: left out. */
void wire_write_state(struct wire_mark *wire, const struct traffic_count *counters,
		      int64_t expire_time);

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
