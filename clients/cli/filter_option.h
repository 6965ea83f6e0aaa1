/* SPDX-License-Identifier: Apache-2.0 */
/* The options that pick marks by what never changes of them; list and watch share them. */
#ifndef WAYMARK_CLI_FILTER_OPTION_H
#define WAYMARK_CLI_FILTER_OPTION_H

#include "value.h"
#include "waymark/v1/marker.pb-c.h"

struct filter_values {
	const char *destination; /* NULL: all */
	const char *owner; /* NULL: all */
	struct value_kinds kinds;
};

/* Rows of an option table that fills a struct with `struct filter_values filter`. */
/* clang-format off */
#define FILTER_OPTIONS(type)                                                                    \
	{"--destination", 0, "PREFIX", NULL, "destinations within this prefix", read_text,      \
	 offsetof(type, filter.destination)},                                                   \
	{"--prefix", 0, "PREFIX", NULL, "the same", read_text,                                  \
	 offsetof(type, filter.destination)},                                                   \
	{"--owner", 0, "WHO", NULL, "marks of exactly this owner", read_text,                   \
	 offsetof(type, filter.owner)},                                                         \
	{"--kind", 0, "KIND", NULL, "flow, endpoint, host or network; may be repeated",         \
	 read_kind, offsetof(type, filter.kinds)}
/* clang-format on */

/* The message; it points into `values`. */
Waymark__V1__MarkFilter filter_message(struct filter_values *values);

#endif
