/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line of bounded length for a log: what does not fit ends in "...", control characters and
 * invalid UTF-8 are escaped. Zero it to begin. Pure functions, any thread.
 */
#ifndef WAYMARK_TEXT_LINE_H
#define WAYMARK_TEXT_LINE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a pipe takes in one piece. */
#define TEXT_LINE_SIZE PIPE_BUF
#define TEXT_LINE_TIME_SIZE 40

struct text_line {
	size_t used;
	bool is_cut; /* nothing more fits */
	char text[TEXT_LINE_SIZE];
};

/* All of it, or nothing of this and of what follows. */
bool text_line_add(struct text_line *line, const char *text, size_t length);

/* What comes before a value, the value, escaped, and what comes behind it, in quotes if that
 * begins with one; nothing if not even the former fits. */
__attribute__((format(printf, 4, 5))) void text_line_add_value(struct text_line *line,
							       const char *value,
							       const char *behind,
							       const char *before, ...);

/* The end of the line, for which there is always room; short, and once. */
void text_line_end(struct text_line *line, const char *text);

/* Octets of the UTF-8 character at `at` and its number; 0 if there is none. */
size_t text_line_character(const char *at, uint32_t *ret);

/* The wall clock: RFC 3339, UTC, milliseconds. */
void text_line_time(char text[static TEXT_LINE_TIME_SIZE]);

#endif
