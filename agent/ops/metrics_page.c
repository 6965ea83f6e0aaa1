/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/metrics_page.h"

#include <inttypes.h>
#include <stddef.h>

static const char *const type_names[] = {
	[METRICS_COUNTER] = "counter",
	[METRICS_GAUGE] = "gauge",
};

void metrics_page_family(FILE *page, const char *name, enum metrics_type type, const char *help)
{
	fprintf(page, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type_names[type]);
}

static void write_value(FILE *page, const char *value)
{
	for (; *value; value++)
		switch (*value) {
		case '\n':
			fputs("\\n", page);
			break;
		case '\\':
		case '"':
			fputc('\\', page);
			__attribute__((fallthrough));
		default:
			fputc(*value, page);
		}
}

static void write_labels(FILE *page, const struct metrics_label *labels)
{
	char before = '{';

	for (; labels->name; labels++, before = ',') {
		fprintf(page, "%c%s=\"", before, labels->name);
		write_value(page, labels->value);
		fputc('"', page);
	}
	fputc('}', page);
}

void metrics_page_sample(FILE *page, const char *name, const struct metrics_label *labels,
			 uint64_t value)
{
	fputs(name, page);
	if (labels)
		write_labels(page, labels);
	fprintf(page, " %" PRIu64 "\n", value);
}
