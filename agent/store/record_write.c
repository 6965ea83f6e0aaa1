/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The octets that protobuf-c would write, written at once: a record is made for every change,
 * and there the sizes of messages inside each other were counted again and again.
 */
#include <stdio.h>

#include "store/record.h"
#include "store/record_field.h"
#include "wire/mark.h"
#include "wire/write.h"

/* "2001:db8:0:0:0:0:0:1": any text that can be read is as good as RFC 5952's here, and this
 * one is ten times faster to write. */
static uint8_t *put_address(uint8_t *at, const uint8_t address[16])
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < 16; i += 2) {
		unsigned int group = (unsigned int)address[i] << 8 | address[i + 1];

		if (i > 0)
			*at++ = ':';
		if (group > 0xFFF)
			*at++ = (uint8_t)digits[group >> 12];
		if (group > 0xFF)
			*at++ = (uint8_t)digits[group >> 8 & 0xF];
		if (group > 0xF)
			*at++ = (uint8_t)digits[group >> 4 & 0xF];
		*at++ = (uint8_t)digits[group & 0xF];
	}
	return at;
}

static uint8_t *put_match(uint8_t *to, uint32_t field, const struct match *match)
{
	uint8_t *begin = wire_begin(to, field), *text;

	text = wire_begin(begin, WIRE_MATCH_DESTINATION);
	to = put_address(text, match->destination);
	if (match->kind == MARK_NETWORK)
		to += sprintf((char *)to, "/%u", match->prefix_length);
	to = wire_end(text, to);
	if (match->kind == MARK_FLOW) {
		text = wire_begin(to, WIRE_MATCH_SOURCE);
		to = wire_end(text, put_address(text, match->source));
	}
	return wire_end(begin, wire_put_ports(to, match));
}

/* Names of a SciTag are the registry's, which is another one some day. */
static uint8_t *put_action(uint8_t *to, const struct mark_action *action)
{
	uint8_t *begin;

	if (action->label == MARK_LABEL_RAW)
		to = wire_put_member(to, WIRE_MARK_FLOW_LABEL, action->flow_label);
	if (action->label == MARK_LABEL_SCITAG) {
		begin = wire_begin(to, WIRE_MARK_SCITAG);
		to = wire_put_number(begin, WIRE_SCITAG_EXPERIMENT_ID, action->experiment);
		to = wire_put_number(to, WIRE_SCITAG_ACTIVITY_ID, action->activity);
		to = wire_end(begin, to);
	}
	return action->has_dscp ? wire_put_member(to, WIRE_MARK_DSCP, action->dscp) : to;
}

size_t record_write_mark(const struct mark *mark, uint64_t supersedes, uint8_t *ret)
{
	uint8_t *to = wire_put_number(ret, RECORD_SUPERSEDES, supersedes);
	uint8_t *begin = wire_begin(to, RECORD_MARK);

	to = put_match(begin, WIRE_MARK_MATCH, &mark->match);
	to = put_action(to, &mark->action);
	to = wire_put_text(to, WIRE_MARK_COOKIE, mark->cookie);
	to = wire_put_text(to, WIRE_MARK_OWNER, mark->owner);
	to = wire_put_number(to, WIRE_MARK_REVISION, mark->revision);
	to = wire_put_time(to, WIRE_MARK_CREATE_TIME, mark->create_time);
	to = wire_end(begin, to);
	to = wire_put_number(to, RECORD_LEASE_ID, mark->lease);
	if (mark->lifetime == MARK_TTL)
		to = wire_put_number(to, RECORD_TTL_NS, mark->ttl);
	return (size_t)(to - ret);
}

size_t record_write_removal(const struct removal *removal, uint64_t supersedes, uint8_t *ret)
{
	uint8_t *to = wire_put_number(ret, RECORD_SUPERSEDES, supersedes);
	uint8_t *begin = wire_begin(to, RECORD_TOMBSTONE);

	to = put_match(begin, TOMBSTONE_MATCH, &removal->match);
	to = wire_put_text(to, TOMBSTONE_OWNER, removal->owner);
	to = wire_put_number(to, TOMBSTONE_REASON, removal->reason);
	to = wire_put_counters(to, TOMBSTONE_COUNTERS, &removal->counters);
	return (size_t)(wire_end(begin, to) - ret);
}
