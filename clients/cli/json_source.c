/* SPDX-License-Identifier: Apache-2.0 */
#include "json_source.h"

#include <errno.h>
#include <string.h>

void json_source_init(struct json_source *source, FILE *file)
{
	*source = (struct json_source){.file = file, .line = 1};
}

static int get(struct json_source *source)
{
	int c = getc_unlocked(source->file);

	source->line += c == '\n';
	return c;
}

/* The next octet that is no space, without taking it; EOF. */
static int peek(struct json_source *source)
{
	int c;

	do
		c = get(source);
	while (c == ' ' || c == '\t' || c == '\n' || c == '\r');
	if (c != EOF)
		(void)ungetc(c, source->file);
	return c;
}

/* For jansson. One octet at a time: none behind the value may be lost. */
static size_t give(void *buffer, size_t size, void *user)
{
	struct json_source *source = user;
	int c = get(source);

	(void)size;
	if (c == EOF)
		return ferror(source->file) ? (size_t)-1 : 0;
	*(char *)buffer = (char)c;
	return 1;
}

static int fail(char reason[static REASON_MAX], const char *expected, int c)
{
	if (c == EOF)
		(void)snprintf(reason, REASON_MAX, "%s expected at the end", expected);
	else
		(void)snprintf(reason, REASON_MAX, "%s expected near '%c'", expected, c);
	return -1;
}

/* Takes the marks of an array around the values. 1: a value follows; 0: the end; -1. */
static int enter(struct json_source *source, char reason[static REASON_MAX])
{
	bool first = !source->begun;
	int c = peek(source);

	source->begun = true;
	if (first && c == '[') {
		source->array = true;
		(void)get(source);
		c = peek(source);
	}
	if (!source->array)
		return c != EOF;
	if (c == ']') {
		(void)get(source);
		c = peek(source);
		return c == EOF ? 0 : fail(reason, "the end of the file", c);
	}
	if (first)
		return c == EOF ? fail(reason, "']'", c) : 1;
	if (c != ',')
		return fail(reason, "',' or ']'", c);
	(void)get(source);
	return peek(source) == EOF ? fail(reason, "a value", EOF) : 1;
}

int json_source_next(struct json_source *source, json_t **ret, size_t *ret_line,
		     char reason[static REASON_MAX])
{
	int more = enter(source, reason);
	json_error_t error;
	json_t *value;

	*ret_line = source->line;
	if (ferror(source->file)) {
		(void)snprintf(reason, REASON_MAX, "cannot be read: %s", strerror(errno));
		return -1;
	}
	if (more <= 0)
		return more;
	value = json_load_callback(give, source,
				   JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &error);
	if (!value) {
		*ret_line += (size_t)(error.line > 0 ? error.line - 1 : 0);
		(void)snprintf(reason, REASON_MAX, "%s", error.text);
		return -1;
	}
	*ret = value;
	return 1;
}
