/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the text format that Prometheus and its kin read, version 0.0.4:
 * https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 * What a stream cannot take shows in its ferror(). Any thread, a page each.
 */
#ifndef WAYMARK_METRICS_PAGE_H
#define WAYMARK_METRICS_PAGE_H

#include <stdint.h>
#include <stdio.h>

#define METRICS_PAGE_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum metrics_type { METRICS_COUNTER, METRICS_GAUGE };

/* The name of a label is one of ours; its value is any text. */
struct metrics_label {
	const char *name, *value;
};

/* Opens a family: its samples follow, and no others. The help is one line of ours. */
void metrics_page_family(FILE *page, const char *name, enum metrics_type type,
			 const char *help);

/* A sample of the family. The labels end with one without a name; NULL: there are none. */
void metrics_page_sample(FILE *page, const char *name, const struct metrics_label *labels,
			 uint64_t value);

#endif
