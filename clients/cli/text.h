/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts that came from elsewhere, made fit for a terminal or for JSON. Returned texts are the
 * caller's to free.
 */
#ifndef WAYMARK_CLI_TEXT_H
#define WAYMARK_CLI_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* The pointer; ends the program with exit code 1 if it is NULL: a command line has nothing to
 * save when memory ends. */
void *must(void *pointer);

/* Reads the code point that text starts with; *ret_length is its octets. -1: one octet that is
 * no UTF-8. */
int32_t utf8_read(const char *text, size_t *ret_length);

/* Characters of valid UTF-8. */
size_t utf8_count(const char *text);

/* One line that changes nothing in a terminal: control, direction-changing and invisible
 * characters as \n, \x1b or \u202e, octets that are no UTF-8 as \xff, the backslash as \\. */
char *text_escape(const char *text);

/* Valid UTF-8: octets that are none as U+FFFD. */
char *text_repair(const char *text);

#endif
