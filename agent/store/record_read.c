/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records from their octets, by hand: listings and restarts read them by the million, and
 * protobuf-c takes several times as long. Fields that are not known, or not kept, are passed
 * over.
 */
#include <errno.h>
#include <string.h>

#include "core/match.h"
#include "core/registry.h"
#include "core/scitag.h"
#include "now.h"
#include "store/record.h"
#include "store/record_field.h"
#include "wire/mark.h"
#include "wire/read.h"

#define DSCP_MAX 63

/* A field by number and type, for a switch. */
#define NUMBER(field) ((field) << 3 | PROTOBUF_C_WIRE_TYPE_VARINT)
#define OCTETS(field) ((field) << 3 | PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)

static uint32_t kind_of(const struct wire_field *field)
{
	return field->number << 3 | (uint32_t)field->type;
}

/* Reads one field of a message into what the message becomes. 0 or -EBADMSG. */
typedef int read_field(const struct wire_field *field, void *into);

static inline int read_fields(struct wire wire, read_field *each, void *into)
{
	while (wire_left(&wire)) {
		struct wire_field field;

		if (wire_next(&wire, &field) || each(&field, into) < 0)
			return -EBADMSG;
	}
	return 0;
}

static int read_text(struct wire text, char *ret, size_t size)
{
	const size_t length = wire_left(&text);

	if (length >= size || (length && memchr(text.at, '\0', length)))
		return -EBADMSG;
	if (length)
		memcpy(ret, text.at, length);
	ret[length] = '\0';
	return 0;
}

static int read_uint32(uint64_t value, uint32_t *ret)
{
	if (value > UINT32_MAX)
		return -EBADMSG;
	*ret = (uint32_t)value;
	return 0;
}

/* ---- match ---- */

struct match_reader {
	struct match_text text;
	char destination[MATCH_ADDRESS_TEXT_MAX];
	char source[MATCH_ADDRESS_TEXT_MAX];
};

static int read_match_field(const struct wire_field *field, void *into)
{
	struct match_reader *reader = into;

	switch (kind_of(field)) {
	case OCTETS(WIRE_MATCH_DESTINATION):
		return read_text(field->bytes, reader->destination,
				 sizeof(reader->destination));
	case OCTETS(WIRE_MATCH_SOURCE):
		return read_text(field->bytes, reader->source, sizeof(reader->source));
	case NUMBER(WIRE_MATCH_PROTOCOL):
		return read_uint32(field->value, &reader->text.protocol);
	case NUMBER(WIRE_MATCH_SOURCE_PORT):
		return read_uint32(field->value, &reader->text.source_port);
	case NUMBER(WIRE_MATCH_DESTINATION_PORT):
		return read_uint32(field->value, &reader->text.destination_port);
	default:
		return 0;
	}
}

static int read_match(struct wire wire, struct match *ret)
{
	struct match_reader reader;

	reader.text = (struct match_text){reader.destination, reader.source, 0, 0, 0};
	reader.destination[0] = reader.source[0] = '\0';
	if (read_fields(wire, read_match_field, &reader) < 0 ||
	    match_parse(&reader.text, ret, NULL) < 0)
		return -EBADMSG;
	return 0;
}

/* ---- mark ---- */

static int read_flow_label(uint64_t label, struct mark_action *ret)
{
	if (label > SCITAG_LABEL_MAX)
		return -EBADMSG;
	ret->label = MARK_LABEL_RAW;
	ret->flow_label = (uint32_t)label;
	return 0;
}

static int read_scitag_field(const struct wire_field *field, void *into)
{
	struct mark_action *action = into;

	switch (kind_of(field)) {
	case NUMBER(WIRE_SCITAG_EXPERIMENT_ID):
		if (field->value > SCITAG_EXPERIMENT_MAX)
			return -EBADMSG;
		action->experiment = (uint16_t)field->value;
		return 0;
	case NUMBER(WIRE_SCITAG_ACTIVITY_ID):
		if (field->value > SCITAG_ACTIVITY_MAX)
			return -EBADMSG;
		action->activity = (uint8_t)field->value;
		return 0;
	default:
		return 0;
	}
}

static int read_scitag(struct wire wire, struct mark_action *ret)
{
	ret->label = MARK_LABEL_SCITAG;
	if (read_fields(wire, read_scitag_field, ret) < 0 || ret->experiment < 1)
		return -EBADMSG;
	return 0;
}

static int read_dscp(uint64_t dscp, struct mark_action *ret)
{
	if (dscp > DSCP_MAX)
		return -EBADMSG;
	ret->has_dscp = true;
	ret->dscp = (uint8_t)dscp;
	return 0;
}

struct time_reader {
	int64_t seconds, nanos;
};

static int read_time_field(const struct wire_field *field, void *into)
{
	struct time_reader *reader = into;

	switch (kind_of(field)) {
	case NUMBER(WIRE_TIME_SECONDS):
		reader->seconds = (int64_t)field->value;
		return 0;
	case NUMBER(WIRE_TIME_NANOS):
		reader->nanos = (int64_t)field->value;
		return 0;
	default:
		return 0;
	}
}

static int read_time(struct wire wire, int64_t *ret)
{
	struct time_reader reader = {.seconds = 0};
	int64_t time;

	if (read_fields(wire, read_time_field, &reader) < 0 || reader.nanos <= -NANOSECONDS ||
	    reader.nanos >= NANOSECONDS ||
	    __builtin_mul_overflow(reader.seconds, NANOSECONDS, &time) ||
	    __builtin_add_overflow(time, reader.nanos, ret))
		return -EBADMSG;
	return 0;
}

struct mark_reader {
	struct mark *mark;
	bool has_match, has_time;
};

static int read_mark_field(const struct wire_field *field, void *into)
{
	struct mark_reader *reader = into;
	struct mark *mark = reader->mark;

	switch (kind_of(field)) {
	case OCTETS(WIRE_MARK_MATCH):
		reader->has_match = true;
		return read_match(field->bytes, &mark->match);
	case NUMBER(WIRE_MARK_FLOW_LABEL):
		return read_flow_label(field->value, &mark->action);
	case OCTETS(WIRE_MARK_SCITAG):
		return read_scitag(field->bytes, &mark->action);
	case NUMBER(WIRE_MARK_DSCP):
		return read_dscp(field->value, &mark->action);
	case OCTETS(WIRE_MARK_COOKIE):
		return read_text(field->bytes, mark->cookie, sizeof(mark->cookie));
	case OCTETS(WIRE_MARK_OWNER):
		return read_text(field->bytes, mark->owner, sizeof(mark->owner));
	case NUMBER(WIRE_MARK_REVISION):
		mark->revision = field->value;
		return 0;
	case OCTETS(WIRE_MARK_CREATE_TIME):
		reader->has_time = true;
		return read_time(field->bytes, &mark->create_time);
	default:
		return 0;
	}
}

/* Here and below texts are only cut to nothing: their arrays are most of a record. */
static int read_mark(struct wire wire, struct mark *ret)
{
	struct mark_reader reader = {.mark = ret};

	memset(ret, 0, offsetof(struct mark, cookie) + 1);
	ret->owner[0] = '\0';
	if (read_fields(wire, read_mark_field, &reader) < 0 || !reader.has_match ||
	    !reader.has_time)
		return -EBADMSG;
	return ret->action.label == MARK_LABEL_NONE && !ret->action.has_dscp ? -EBADMSG : 0;
}

/* ---- removal ---- */

struct removal_reader {
	struct removal *removal;
	bool has_match, has_counters;
};

static int read_counters_field(const struct wire_field *field, void *into)
{
	struct traffic_count *counters = into;

	if (kind_of(field) == NUMBER(WIRE_COUNTERS_PACKETS))
		counters->packets = field->value;
	if (kind_of(field) == NUMBER(WIRE_COUNTERS_BYTES))
		counters->bytes = field->value;
	return 0;
}

/* A reason that is not known yet is still a removal. */
static int read_reason(uint64_t reason, struct removal *ret)
{
	if (reason > UINT8_MAX)
		return -EBADMSG;
	ret->reason = (uint8_t)reason;
	return 0;
}

static int read_removal_field(const struct wire_field *field, void *into)
{
	struct removal_reader *reader = into;
	struct removal *removal = reader->removal;

	switch (kind_of(field)) {
	case OCTETS(TOMBSTONE_MATCH):
		reader->has_match = true;
		return read_match(field->bytes, &removal->match);
	case OCTETS(TOMBSTONE_OWNER):
		return read_text(field->bytes, removal->owner, sizeof(removal->owner));
	case NUMBER(TOMBSTONE_REASON):
		return read_reason(field->value, removal);
	case OCTETS(TOMBSTONE_COUNTERS):
		reader->has_counters = true;
		return read_fields(field->bytes, read_counters_field, &removal->counters);
	default:
		return 0;
	}
}

static int read_removal(struct wire wire, struct removal *ret)
{
	struct removal_reader reader = {.removal = ret};

	memset(ret, 0, offsetof(struct removal, owner) + 1);
	if (read_fields(wire, read_removal_field, &reader) < 0 || !reader.has_match ||
	    !reader.has_counters || ret->reason < 1)
		return -EBADMSG;
	return 0;
}

/* ---- record ---- */

struct record_reader {
	struct record *record;
	struct wire change; /* the mark or the tombstone */
	bool has_change;
	uint64_t lease, ttl;
};

static int read_record_field(const struct wire_field *field, void *into)
{
	struct record_reader *reader = into;

	switch (kind_of(field)) {
	case NUMBER(RECORD_SUPERSEDES):
		reader->record->supersedes = field->value;
		return 0;
	case OCTETS(RECORD_MARK):
	case OCTETS(RECORD_TOMBSTONE):
		reader->has_change = true;
		reader->record->is_removal = field->number == RECORD_TOMBSTONE;
		reader->change = field->bytes;
		return 0;
	case NUMBER(RECORD_LEASE_ID):
		reader->lease = field->value;
		return 0;
	case NUMBER(RECORD_TTL_NS):
		reader->ttl = field->value;
		return 0;
	default:
		return 0;
	}
}

static int set_lifetime(const struct record_reader *reader, struct mark *ret)
{
	if (reader->ttl && !reader->lease)
		return -EBADMSG;
	ret->lease = reader->lease;
	ret->ttl = reader->ttl;
	if (reader->ttl)
		ret->lifetime = MARK_TTL;
	else
		ret->lifetime = reader->lease ? MARK_LEASE : MARK_FOREVER;
	return 0;
}

int record_read(uint64_t revision, const void *bytes, size_t size, struct record *ret)
{
	struct record_reader reader = {.record = ret};

	ret->supersedes = 0;
	if (read_fields(wire_of(bytes, size), read_record_field, &reader) < 0 ||
	    !reader.has_change || ret->supersedes >= revision)
		return -EBADMSG;
	if (ret->is_removal) {
		if (read_removal(reader.change, &ret->removal) < 0)
			return -EBADMSG;
		ret->removal.revision = revision;
		return 0;
	}
	if (read_mark(reader.change, &ret->mark) < 0 || ret->mark.revision != revision)
		return -EBADMSG;
	return set_lifetime(&reader, &ret->mark);
}
