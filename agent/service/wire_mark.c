/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Marks as the octets of waymark.v1.Mark, by hand: a listing writes a million of them, and
 * protobuf-c takes several times as long. Fields are in the order of their numbers, as
 * protobuf-c has them.
 */
#include "core/registry.h"
#include "service/wire.h"
#include "wire/mark.h"
#include "wire/write.h"

static uint8_t *put_match(uint8_t *to, const struct match *match)
{
	uint8_t *begin = wire_begin(to, WIRE_MARK_MATCH), *text;

	text = wire_begin(begin, WIRE_MATCH_DESTINATION);
	to = wire_end(text, (uint8_t *)match_destination_text(match, (char *)text));
	if (match->kind == MARK_FLOW) {
		text = wire_begin(to, WIRE_MATCH_SOURCE);
		to = wire_end(text, (uint8_t *)match_source_text(match, (char *)text));
	}
	return wire_end(begin, wire_put_ports(to, match));
}

static uint8_t *put_name(uint8_t *to, uint32_t field, const char *name)
{
	return name ? wire_put_text(to, field, name) : to;
}

static uint8_t *put_scitag(uint8_t *to, const struct mark_action *action,
			   const struct registry *registry)
{
	uint8_t *begin = wire_begin(to, WIRE_MARK_SCITAG);

	to = wire_put_number(begin, WIRE_SCITAG_EXPERIMENT_ID, action->experiment);
	to = wire_put_number(to, WIRE_SCITAG_ACTIVITY_ID, action->activity);
	to = put_name(to, WIRE_SCITAG_EXPERIMENT,
		      registry_experiment_name(registry, action->experiment));
	to = put_name(to, WIRE_SCITAG_ACTIVITY,
		      registry_activity_name(registry, action->experiment, action->activity));
	return wire_end(begin, to);
}

static uint8_t *put_action(uint8_t *to, const struct mark_action *action,
			   const struct registry *registry)
{
	if (action->label == MARK_LABEL_RAW)
		to = wire_put_member(to, WIRE_MARK_FLOW_LABEL, action->flow_label);
	if (action->label == MARK_LABEL_SCITAG)
		to = put_scitag(to, action, registry);
	return action->has_dscp ? wire_put_member(to, WIRE_MARK_DSCP, action->dscp) : to;
}

static uint8_t *put_lifetime(uint8_t *to, const struct mark *mark)
{
	if (mark->lifetime == MARK_TTL)
		return wire_put_time(to, WIRE_MARK_TTL, (int64_t)mark->ttl);
	if (mark->lifetime == MARK_LEASE)
		return wire_put_member(to, WIRE_MARK_LEASE_ID, mark->lease);
	return to;
}

uint8_t *wire_put_mark(uint8_t *to, uint32_t field, const struct mark *mark,
		       const struct registry *registry, const struct wire_state *state)
{
	uint8_t *begin = wire_begin(to, field);

	to = put_match(begin, &mark->match);
	to = put_action(to, &mark->action, registry);
	to = put_lifetime(to, mark);
	to = wire_put_text(to, WIRE_MARK_COOKIE, mark->cookie);
	to = wire_put_number(to, WIRE_MARK_KIND, mark->match.kind);
	to = wire_put_text(to, WIRE_MARK_OWNER, mark->owner);
	to = wire_put_number(to, WIRE_MARK_REVISION, mark->revision);
	to = wire_put_time(to, WIRE_MARK_CREATE_TIME, mark->create_time);
	if (state->expire_time)
		to = wire_put_time(to, WIRE_MARK_EXPIRE_TIME, state->expire_time);
	if (state->counters)
		to = wire_put_counters(to, WIRE_MARK_COUNTERS, state->counters);
	return wire_end(begin, to);
}

uint8_t *wire_put_removal(uint8_t *to, uint32_t field, const struct removal *removal)
{
	uint8_t *begin = wire_begin(to, field);

	to = put_match(begin, &removal->match);
	to = wire_put_number(to, WIRE_MARK_KIND, removal->match.kind);
	to = wire_put_text(to, WIRE_MARK_OWNER, removal->owner);
	to = wire_put_number(to, WIRE_MARK_REVISION, removal->revision);
	to = wire_put_counters(to, WIRE_MARK_COUNTERS, &removal->counters);
	return wire_end(begin, to);
}
