/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <stdarg.h>
#include <stdlib.h>

#include "agent/cleanup.h"
#include "text.h"

void table_init(struct table *table, FILE *out, const struct column *columns,
		size_t column_count)
{
	*table = (struct table){.out = out, .columns = columns, .column_count = column_count};
	for (size_t i = 0; columns[0].title && i < column_count; i++)
		table->widths[i] = utf8_count(columns[i].title);
}

void table_done(struct table *table)
{
	for (size_t i = 0; i < table->cell_count; i++)
		free(table->cells[i]);
	free(table->cells);
}

static void table_push(struct table *table, char *text)
{
	size_t column = table->cell_count % table->column_count;
	size_t width = utf8_count(text);

	if (table->cell_count == table->cell_capacity) {
		table->cell_capacity = table->cell_capacity ? 2 * table->cell_capacity : 64;
		table->cells = must(reallocarray(table->cells, table->cell_capacity,
						 sizeof(*table->cells)));
	}
	table->cells[table->cell_count++] = text;
	if (width > table->widths[column])
		table->widths[column] = width;
}

void table_cell(struct table *table, const char *format, ...)
{
	cleanup(free_bytes) char *text = NULL;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	(void)must(length < 0 ? NULL : table);
	table_push(table, text_escape(*text ? text : "-"));
}

static void print_cell(const struct table *table, size_t column, const char *text)
{
	int pad = (int)(table->widths[column] - utf8_count(text));
	bool last = column + 1 == table->column_count;

	if (table->columns[column].right)
		(void)fprintf(table->out, "%*s%s", pad, "", text);
	else
		(void)fprintf(table->out, "%s%*s", text, last ? 0 : pad, "");
	(void)fputs(last ? "\n" : "  ", table->out);
}

void table_flush(struct table *table)
{
	if (!table->begun && table->columns[0].title) {
		for (size_t i = 0; i < table->column_count; i++)
			print_cell(table, i, table->columns[i].title);
	}
	table->begun = true;
	for (size_t i = 0, column = 0; i < table->cell_count; i++) {
		print_cell(table, column, table->cells[i]);
		free(table->cells[i]);
		column = column + 1 == table->column_count ? 0 : column + 1;
	}
	table->cell_count = 0;
}
