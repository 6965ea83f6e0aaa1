/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/text_line.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Kept back for the end of a line that was cut. */
#define TEXT_LINE_RESERVE sizeof("...\"}\n")

bool text_line_add(struct text_line *line, const char *text, size_t length)
{
	if (line->is_cut || line->used + length > sizeof(line->text) - TEXT_LINE_RESERVE) {
		line->is_cut = true;
		return false;
	}
	memcpy(line->text + line->used, text, length);
	line->used += length;
	return true;
}

void text_line_end(struct text_line *line, const char *text)
{
	memcpy(line->text + line->used, text, strlen(text));
	line->used += strlen(text);
}

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

size_t text_line_character(const char *at, uint32_t *ret)
{
	const unsigned char *text = (const unsigned char *)at;
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
static size_t line_add_character(struct text_line *line, const char *text, bool in_quotes)
{
	uint32_t character = 0xFFFD;
	size_t length = text_line_character(text, &character);
	const bool needs_backslash = in_quotes && (*text == '"' || *text == '\\');
	char escaped[8];

	if (length > 0 && !is_control(character) && !needs_backslash) {
		text_line_add(line, text, length);
		return length;
	}
	if (needs_backslash)
		snprintf(escaped, sizeof(escaped), "\\%c", *text);
	else if (character == '\n')
		snprintf(escaped, sizeof(escaped), "\\n");
	else
		snprintf(escaped, sizeof(escaped), "\\u%04x", character & 0xFFFF);
	text_line_add(line, escaped, strlen(escaped));
	return length > 0 ? length : 1;
}

static void line_add_escaped(struct text_line *line, const char *text, bool in_quotes)
{
	while (*text && !line->is_cut)
		text += line_add_character(line, text, in_quotes);
	if (line->is_cut)
		text_line_end(line, "...");
}

void text_line_time(char text[static TEXT_LINE_TIME_SIZE])
{
	struct timespec now;
	struct tm parts;
	char seconds[24];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &parts);
	strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(text, TEXT_LINE_TIME_SIZE, "%s.%03dZ", seconds, (int)(now.tv_nsec / 1000000));
}

void text_line_add_value(struct text_line *line, const char *value, const char *behind,
			 const char *before, ...)
{
	char text[96];
	va_list arguments;

	va_start(arguments, before);
	vsnprintf(text, sizeof(text), before, arguments);
	va_end(arguments);
	if (!text_line_add(line, text, strlen(text)))
		return;
	line_add_escaped(line, value, behind[0] == '"');
	text_line_end(line, behind);
}
