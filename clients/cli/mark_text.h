/* SPDX-License-Identifier: Apache-2.0 */
/* Marks as people read them. */
#ifndef WAYMARK_CLI_MARK_TEXT_H
#define WAYMARK_CLI_MARK_TEXT_H

#include <time.h>

#include "table.h"
#include "value.h"
#include "waymark/v1/marker.pb-c.h"

/* The columns that mark_cells() fills; mark_counter_cells() fills those of MARK_COUNTERS, and
 * so on. */
#define MARK_COLUMNS                                         \
	{"KIND", false}, {"MATCH", false}, {"LABEL", false}, \
	{                                                    \
		"DSCP", true                                 \
	}
#define MARK_EXPIRY             \
	{                       \
		"EXPIRES", true \
	}
#define MARK_NOTES              \
	{"OWNER", false},       \
	{                       \
		"COOKIE", false \
	}
#define MARK_COUNTERS         \
	{"PACKETS", true},    \
	{                     \
		"BYTES", true \
	}

/* The mark; an empty one for NULL, should an agent answer without. */
const Waymark__V1__Mark *mark_or_empty(const Waymark__V1__Mark *mark);

void scitag_cell(struct table *table, const Waymark__V1__Scitag *scitag);
void mark_cells(struct table *table, const Waymark__V1__Mark *mark);
/* The time left, seen from `now`. */
void mark_expiry_cell(struct table *table, const Waymark__V1__Mark *mark, time_t now);
void mark_note_cells(struct table *table, const Waymark__V1__Mark *mark);
void mark_counter_cells(struct table *table, const Waymark__V1__Mark *mark);

/* Two cells for each property: its name and its value. As mark_expiry_cell(). */
void mark_property_cells(struct table *table, const Waymark__V1__Mark *mark, time_t now);

/* A value's name without the prefix that all values of its enum share ("HOST"); its number
 * where the name is unknown. The text lives until the next call. */
const char *enum_text(const ProtobufCEnumDescriptor *type, int value);

/* The message of a SciTag option; points into `value`. */
Waymark__V1__Scitag scitag_message(const struct value_scitag *value);

#endif
