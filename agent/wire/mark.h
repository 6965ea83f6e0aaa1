/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers of the fields of a mark, as waymark/v1/marker.proto has them, for those who read and
 * write its bytes by hand; and what a mark and a record of the store write alike.
 */
#ifndef WAYMARK_WIRE_MARK_H
#define WAYMARK_WIRE_MARK_H

#include "core/mark.h"
#include "now.h"
#include "wire/write.h"

enum wire_match {
	WIRE_MATCH_DESTINATION = 1,
	WIRE_MATCH_SOURCE,
	WIRE_MATCH_PROTOCOL,
	WIRE_MATCH_SOURCE_PORT,
	WIRE_MATCH_DESTINATION_PORT,
};

enum wire_scitag {
	WIRE_SCITAG_EXPERIMENT_ID = 1,
	WIRE_SCITAG_ACTIVITY_ID,
	WIRE_SCITAG_EXPERIMENT,
	WIRE_SCITAG_ACTIVITY,
};

enum wire_counters { WIRE_COUNTERS_PACKETS = 1, WIRE_COUNTERS_BYTES };

/* Of Timestamp and of Duration. */
enum wire_time { WIRE_TIME_SECONDS = 1, WIRE_TIME_NANOS };

enum wire_mark_field {
	WIRE_MARK_MATCH = 1,
	WIRE_MARK_FLOW_LABEL,
	WIRE_MARK_SCITAG,
	WIRE_MARK_DSCP,
	WIRE_MARK_TTL,
	WIRE_MARK_LEASE_ID,
	WIRE_MARK_COOKIE,
	WIRE_MARK_KIND = 16,
	WIRE_MARK_OWNER,
	WIRE_MARK_REVISION,
	WIRE_MARK_CREATE_TIME,
	WIRE_MARK_EXPIRE_TIME,
	WIRE_MARK_COUNTERS,
};

/* A Timestamp or a Duration, of ns. */
static inline uint8_t *wire_put_time(uint8_t *to, uint32_t field, int64_t time)
{
	uint8_t *begin = wire_begin(to, field);

	to = wire_put_number(begin, WIRE_TIME_SECONDS, (uint64_t)(time / NANOSECONDS));
	to = wire_put_number(to, WIRE_TIME_NANOS, (uint64_t)(time % NANOSECONDS));
	return wire_end(begin, to);
}

static inline uint8_t *wire_put_counters(uint8_t *to, uint32_t field,
					 const struct traffic_count *counters)
{
	uint8_t *begin = wire_begin(to, field);

	to = wire_put_number(begin, WIRE_COUNTERS_PACKETS, counters->packets);
	to = wire_put_number(to, WIRE_COUNTERS_BYTES, counters->bytes);
	return wire_end(begin, to);
}

/* Of a Match, what comes behind the addresses. */
static inline uint8_t *wire_put_ports(uint8_t *to, const struct match *match)
{
	to = wire_put_number(to, WIRE_MATCH_PROTOCOL, match->protocol);
	to = wire_put_number(to, WIRE_MATCH_SOURCE_PORT, match->source_port);
	return wire_put_number(to, WIRE_MATCH_DESTINATION_PORT, match->destination_port);
}

#endif
