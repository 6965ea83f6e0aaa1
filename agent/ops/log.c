/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ops/text_line.h"

static _Atomic enum log_level max_level = LOG_LEVEL_INFO;
static _Atomic enum log_format line_format = LOG_FORMAT_TEXT;

static const char *const level_names[] = {"error", "warning", "info", "debug"};

void log_set(enum log_level level, enum log_format format)
{
	max_level = level;
	line_format = format;
}

bool log_enabled(enum log_level level)
{
	return level <= max_level;
}

/* ---- formats ---- */

/* time level: message key=value key="value with spaces" */
static void format_text(struct text_line *line, const char *now, const char *level,
			const char *message, const struct log_pair *pair)
{
	text_line_add_value(line, message, "", "%s %s: ", now, level);
	for (; pair && pair->key; pair++) {
		if (!pair->value)
			continue;
		if (pair->value[0] && !strpbrk(pair->value, " =\"\\"))
			text_line_add_value(line, pair->value, "", " %s=", pair->key);
		else
			text_line_add_value(line, pair->value, "\"", " %s=\"", pair->key);
	}
	text_line_end(line, "\n");
}

static void format_json(struct text_line *line, const char *now, const char *level,
			const char *message, const struct log_pair *pair)
{
	text_line_add_value(line, message, "\"",
			    "{\"time\":\"%s\",\"level\":\"%s\",\"message\":\"", now, level);
	for (; pair && pair->key; pair++)
		if (pair->value)
			text_line_add_value(line, pair->value, "\"", ",\"%s\":\"", pair->key);
	text_line_end(line, "}\n");
}

void log_write(enum log_level level, const struct log_pair pairs[], const char *format, ...)
{
	const int saved_errno = errno;
	struct text_line line = {.used = 0};
	char message[TEXT_LINE_SIZE];
	va_list arguments;
	char now[TEXT_LINE_TIME_SIZE];

	if (!log_enabled(level))
		return;
	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	text_line_time(now);
	if (line_format == LOG_FORMAT_JSON)
		format_json(&line, now, level_names[level], message, pairs);
	else
		format_text(&line, now, level_names[level], message, pairs);
	/* Where stderr takes no more, nobody is left to tell. */
	while (write(STDERR_FILENO, line.text, line.used) < 0 && errno == EINTR)
		;
	errno = saved_errno;
}
