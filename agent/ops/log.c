/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/log.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* What a pipe takes in one piece. */
#define LINE_SIZE PIPE_BUF
/* Kept back for the end of a line that was cut. */
#define LINE_RESERVE sizeof("...\"}\n")

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

/* ---- a line of bounded length ---- */

struct line {
	size_t used;
	bool is_cut; /* nothing more fits */
	char text[LINE_SIZE];
};

/* All of it, or nothing of this and of what follows. */
static bool line_add(struct line *line, const char *text, size_t length)
{
	if (line->is_cut || line->used + length > sizeof(line->text) - LINE_RESERVE) {
		line->is_cut = true;
		return false;
	}
	memcpy(line->text + line->used, text, length);
	line->used += length;
	return true;
}

/* From the reserve. */
static void line_end(struct line *line, const char *text)
{
	memcpy(line->text + line->used, text, strlen(text));
	line->used += strlen(text);
}

/* ---- escaping ---- */

static size_t character_length(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if ((first & 0xE0) == 0xC0)
		return 2;
	if ((first & 0xF0) == 0xE0)
		return 3;
	return (first & 0xF8) == 0xF0 ? 4 : 0;
}

/* Octets of the UTF-8 character at text and its number; 0 if there is none. */
static size_t read_character(const unsigned char *text, uint32_t *ret)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length = character_length(text[0]);
	uint32_t character = length == 1 ? text[0] : text[0] & (0x7FU >> length);

	for (size_t i = 1; i < length; i++) {
		if ((text[i] & 0xC0) != 0x80)
			return 0;
		character = character << 6 | (text[i] & 0x3F);
	}
	if (length == 0 || character < least[length] || character > 0x10FFFF ||
	    (character >= 0xD800 && character <= 0xDFFF))
		return 0;
	*ret = character;
	return length;
}

static bool is_control(uint32_t character)
{
	return character < 0x20 || (character >= 0x7F && character < 0xA0);
}

/* Adds the next character, escaped as JSON does; returns how many octets it had. An octet that
 * is no UTF-8 becomes U+FFFD. */
static size_t line_add_character(struct line *line, const char *text, bool in_quotes)
{
	uint32_t character = 0xFFFD;
	size_t length = read_character((const unsigned char *)text, &character);
	const bool needs_backslash = in_quotes && (*text == '"' || *text == '\\');
	char escaped[8];

	if (length > 0 && !is_control(character) && !needs_backslash) {
		line_add(line, text, length);
		return length;
	}
	if (needs_backslash)
		snprintf(escaped, sizeof(escaped), "\\%c", *text);
	else if (character == '\n')
		snprintf(escaped, sizeof(escaped), "\\n");
	else
		snprintf(escaped, sizeof(escaped), "\\u%04x", character & 0xFFFF);
	line_add(line, escaped, strlen(escaped));
	return length > 0 ? length : 1;
}

static void line_add_escaped(struct line *line, const char *text, bool in_quotes)
{
	while (*text && !line->is_cut)
		text += line_add_character(line, text, in_quotes);
	if (line->is_cut)
		line_end(line, "...");
}

/* ---- formats ---- */

/* RFC 3339, UTC, milliseconds. */
static void write_time(char *text, size_t size)
{
	struct timespec now;
	struct tm parts;
	char seconds[24];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &parts);
	strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(text, size, "%s.%03dZ", seconds, (int)(now.tv_nsec / 1000000));
}

/* What comes before a value, the value, and what comes behind it; nothing if not even the
 * former fits. */
__attribute__((format(printf, 4, 5))) static void line_add_value(struct line *line,
								 const char *value,
								 const char *behind,
								 const char *before, ...)
{
	char text[96];
	va_list arguments;

	va_start(arguments, before);
	vsnprintf(text, sizeof(text), before, arguments);
	va_end(arguments);
	if (!line_add(line, text, strlen(text)))
		return;
	line_add_escaped(line, value, behind[0] == '"');
	line_end(line, behind);
}

/* time level: message key=value key="value with spaces" */
static void format_text(struct line *line, const char *now, const char *level,
			const char *message, const struct log_pair *pair)
{
	line_add_value(line, message, "", "%s %s: ", now, level);
	for (; pair && pair->key; pair++) {
		if (!pair->value)
			continue;
		if (pair->value[0] && !strpbrk(pair->value, " =\"\\"))
			line_add_value(line, pair->value, "", " %s=", pair->key);
		else
			line_add_value(line, pair->value, "\"", " %s=\"", pair->key);
	}
	line_end(line, "\n");
}

static void format_json(struct line *line, const char *now, const char *level,
			const char *message, const struct log_pair *pair)
{
	line_add_value(line, message, "\"", "{\"time\":\"%s\",\"level\":\"%s\",\"message\":\"",
		       now, level);
	for (; pair && pair->key; pair++)
		if (pair->value)
			line_add_value(line, pair->value, "\"", ",\"%s\":\"", pair->key);
	line_end(line, "}\n");
}

void log_write(enum log_level level, const struct log_pair pairs[], const char *format, ...)
{
	const int saved_errno = errno;
	struct line line = {.used = 0};
	char message[LINE_SIZE];
	va_list arguments;
	char now[40];

	if (!log_enabled(level))
		return;
	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	write_time(now, sizeof(now));
	if (line_format == LOG_FORMAT_JSON)
		format_json(&line, now, level_names[level], message, pairs);
	else
		format_text(&line, now, level_names[level], message, pairs);
	/* Where stderr takes no more, nobody is left to tell. */
	while (write(STDERR_FILENO, line.text, line.used) < 0 && errno == EINTR)
		;
	errno = saved_errno;
}
