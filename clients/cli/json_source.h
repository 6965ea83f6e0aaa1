/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON values one after the other: JSON Lines, values of several lines, or the items of one
 * array. Reads no further than it must, so that a file of any size needs little memory.
 */
#ifndef WAYMARK_CLI_JSON_SOURCE_H
#define WAYMARK_CLI_JSON_SOURCE_H

#include <jansson.h>

#include "option.h"

struct json_source {
	FILE *file;
	size_t line; /* of the next octet, from 1 */
	bool begun;
	bool array;
};

/* The file stays the caller's. */
void json_source_init(struct json_source *source, FILE *file);

/* 1: the next value, whose reference the caller gets, and the line in which it starts. 0: that
 * was all. -1: reason says what is wrong in *ret_line. */
int json_source_next(struct json_source *source, json_t **ret, size_t *ret_line,
		     char reason[static REASON_MAX]);

#endif
