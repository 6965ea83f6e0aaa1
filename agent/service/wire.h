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
/* Sets match, action, lifetime, ttl and cookie of *ret; output-only fields of the message are
 * ignored. */
int wire_read_mark(const Waymark__V1__Mark *message, const struct registry *registry,
		   struct mark *ret, struct fault *fault);
int wire_read_scitag(const Waymark__V1__Scitag *message, const struct registry *registry,
		     struct mark_action *ret, struct fault *fault);
int wire_read_flow_label(uint32_t label, struct mark_action *ret, struct fault *fault);
int wire_read_cookie(const char *cookie, char ret[static MARK_COOKIE_MAX + 1],
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

/* Fills *wire from a mark, which it goes on to borrow, as it does the registry. */
void wire_write_mark(struct wire_mark *wire, const struct mark *mark,
		     const struct registry *registry);

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
