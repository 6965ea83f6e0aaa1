/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aligned columns for people. Rows are gathered and printed by table_flush(); columns never
 * get narrower again, so a listing can be printed page by page.
 */
#ifndef WAYMARK_CLI_TABLE_H
#define WAYMARK_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 12

struct column {
	const char *title; /* in capitals; NULL in the first column: a table without header */
	bool right; /* numbers stand at the right */
};

struct table {
	FILE *out;
	const struct column *columns;
	size_t column_count;
	size_t widths[TABLE_COLUMNS_MAX];
	bool begun; /* the header is out */
	char **cells; /* row by row */
	size_t cell_count;
	size_t cell_capacity;
};

/* columns must outlive the table; column_count 1..TABLE_COLUMNS_MAX. */
void table_init(struct table *table, FILE *out, const struct column *columns,
		size_t column_count);
/* Adds the next cell. Empty text is shown as "-"; text is made safe by text_escape(). */
__attribute__((format(printf, 2, 3))) void table_cell(struct table *table, const char *format,
						      ...);
/* Prints the gathered rows, the first time with the header. */
void table_flush(struct table *table);
void table_done(struct table *table);

#endif
