/* SPDX-License-Identifier: Apache-2.0 */
#include "mark_text.h"

#include <inttypes.h>
#include <string.h>

#include "time_text.h"

const char *enum_text(const ProtobufCEnumDescriptor *type, int value)
{
	static char number[16];
	const ProtobufCEnumValue *found = protobuf_c_enum_descriptor_get_value(type, value);
	const ProtobufCEnumValue *zero = protobuf_c_enum_descriptor_get_value(type, 0);
	size_t prefix = zero ? strlen(zero->name) - strlen("UNSPECIFIED") : 0;

	(void)snprintf(number, sizeof(number), "%d", value);
	if (!found)
		return number;
	return value ? found->name + prefix : "";
}

const Waymark__V1__Mark *mark_or_empty(const Waymark__V1__Mark *mark)
{
	static const Waymark__V1__Mark empty = WAYMARK__V1__MARK__INIT;

	return mark ? mark : &empty;
}

static void match_cell(struct table *table, const Waymark__V1__Match *match)
{
	const char *protocol;

	if (!match || !match->destination_port) {
		table_cell(table, "%s", match ? match->destination : "");
		return;
	}
	protocol = enum_text(&waymark__v1__protocol__descriptor, match->protocol);
	if (*match->source)
		table_cell(table, "%s:[%s]:%u->[%s]:%u", protocol, match->source,
			   match->source_port, match->destination, match->destination_port);
	else
		table_cell(table, "%s:[%s]:%u", protocol, match->destination,
			   match->destination_port);
}

void scitag_cell(struct table *table, const Waymark__V1__Scitag *scitag)
{
	if (*scitag->experiment && *scitag->activity)
		table_cell(table, "%s/%s (%u/%u)", scitag->experiment, scitag->activity,
			   scitag->experiment_id, scitag->activity_id);
	else if (*scitag->experiment)
		table_cell(table, "%s/%u (%u/%u)", scitag->experiment, scitag->activity_id,
			   scitag->experiment_id, scitag->activity_id);
	else
		table_cell(table, "%u/%u", scitag->experiment_id, scitag->activity_id);
}

static void label_cell(struct table *table, const Waymark__V1__Mark *mark)
{
	if (mark->label_case == WAYMARK__V1__MARK__LABEL_FLOW_LABEL)
		table_cell(table, "0x%05X", mark->flow_label);
	else if (mark->label_case == WAYMARK__V1__MARK__LABEL_SCITAG)
		scitag_cell(table, mark->scitag);
	else
		table_cell(table, "%s", "");
}

static void dscp_cell(struct table *table, const Waymark__V1__Mark *mark)
{
	if (mark->dscp_choice_case == WAYMARK__V1__MARK__DSCP_CHOICE_DSCP)
		table_cell(table, "%u", mark->dscp);
	else
		table_cell(table, "%s", "");
}

static void time_cell(struct table *table, const Google__Protobuf__Timestamp *time)
{
	char text[TIME_TEXT_MAX] = "";

	if (time)
		timestamp_text(time, text);
	table_cell(table, "%s", text);
}

static void count_cell(struct table *table, bool given, uint64_t count)
{
	if (given)
		table_cell(table, "%" PRIu64, count);
	else
		table_cell(table, "%s", "");
}

void mark_cells(struct table *table, const Waymark__V1__Mark *mark)
{
	table_cell(table, "%s", enum_text(&waymark__v1__kind__descriptor, mark->kind));
	match_cell(table, mark->match);
	label_cell(table, mark);
	dscp_cell(table, mark);
}

void mark_expiry_cell(struct table *table, const Waymark__V1__Mark *mark, time_t now)
{
	char text[TIME_TEXT_MAX] = "";

	if (mark->expire_time)
		time_left_text(mark->expire_time->seconds - now, text);
	table_cell(table, "%s", text);
}

void mark_note_cells(struct table *table, const Waymark__V1__Mark *mark)
{
	table_cell(table, "%s", mark->owner);
	table_cell(table, "%s", mark->cookie);
}

void mark_counter_cells(struct table *table, const Waymark__V1__Mark *mark)
{
	count_cell(table, mark->counters, mark->counters ? mark->counters->packets : 0);
	count_cell(table, mark->counters, mark->counters ? mark->counters->bytes : 0);
}

static void ttl_cell(struct table *table, const Waymark__V1__Mark *mark)
{
	char text[TIME_TEXT_MAX] = "";

	if (mark->lifetime_case == WAYMARK__V1__MARK__LIFETIME_TTL)
		duration_text(mark->ttl, text);
	table_cell(table, "%s", text);
}

void mark_property_cells(struct table *table, const Waymark__V1__Mark *mark, time_t now)
{
	table_cell(table, "KIND");
	table_cell(table, "%s", enum_text(&waymark__v1__kind__descriptor, mark->kind));
	table_cell(table, "MATCH");
	match_cell(table, mark->match);
	table_cell(table, "LABEL");
	label_cell(table, mark);
	table_cell(table, "DSCP");
	dscp_cell(table, mark);
	table_cell(table, "TTL");
	ttl_cell(table, mark);
	table_cell(table, "EXPIRES");
	mark_expiry_cell(table, mark, now);
	table_cell(table, "OWNER");
	table_cell(table, "%s", mark->owner);
	table_cell(table, "COOKIE");
	table_cell(table, "%s", mark->cookie);
	table_cell(table, "REVISION");
	table_cell(table, "%" PRIu64, mark->revision);
	table_cell(table, "CREATED");
	time_cell(table, mark->create_time);
	table_cell(table, "PACKETS");
	count_cell(table, mark->counters, mark->counters ? mark->counters->packets : 0);
	table_cell(table, "BYTES");
	count_cell(table, mark->counters, mark->counters ? mark->counters->bytes : 0);
}

Waymark__V1__Scitag scitag_message(const struct value_scitag *value)
{
	Waymark__V1__Scitag scitag = WAYMARK__V1__SCITAG__INIT;

	scitag.experiment_id = value->experiment_id;
	scitag.activity_id = value->activity_id;
	scitag.experiment = (char *)value->experiment;
	scitag.activity = (char *)value->activity;
	return scitag;
}
