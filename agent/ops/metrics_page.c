/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/metrics_page.h"

#include <inttypes.h>
#include <stddef.h>

#include "ops/text_line.h"

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

static const char *const type_names[] = {
	[METRICS_COUNTER] = "counter",
	[METRICS_GAUGE] = "gauge",
};

void metrics_page_family(FILE *page, const char *name, enum metrics_type type, const char *help)
{
	fprintf(page, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type_names[type]);
}

/* One character of a label's value; returns how many octets it had. What is no UTF-8, as names
 * of interfaces may be, would spoil the page. */
static size_t write_character(FILE *page, const char *text)
{
	uint32_t character;
	size_t length = text_line_character(text, &character);

	if (length == 0)
		fputs(REPLACEMENT, page);
	else if (character == '\n')
		fputs("\\n", page);
	else if (character == '\\' || character == '"')
		fprintf(page, "\\%c", (char)character);
	else
		fwrite(text, 1, length, page);
	return length ? length : 1;
}

static void write_value(FILE *page, const char *value)
{
	while (*value)
		value += write_character(page, value);
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
