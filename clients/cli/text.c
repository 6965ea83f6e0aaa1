/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *must(void *pointer)
{
	if (!pointer) {
		(void)fputs("waymark: no memory\n", stderr);
		exit(1);
	}
	return pointer;
}

int32_t utf8_read(const char *text, size_t *ret_length)
{
	/* By length: bits that mark the first octet, its mask, the least code point. */
	static const struct {
		uint8_t mark, mask;
		int32_t least;
	} forms[] = {{0x00, 0x80, 0},
		     {0xC0, 0xE0, 0x80},
		     {0xE0, 0xF0, 0x800},
		     {0xF0, 0xF8, 0x10000}};
	const uint8_t *octets = (const uint8_t *)text;

	*ret_length = 1;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		int32_t point = octets[0] & ~forms[i].mask;
		size_t more = 0;

		if ((octets[0] & forms[i].mask) != forms[i].mark)
			continue;
		while (more < i && (octets[more + 1] & 0xC0) == 0x80)
			point = point << 6 | (octets[++more] & 0x3F);
		if (more < i || point < forms[i].least || point > 0x10FFFF ||
		    (point >= 0xD800 && point <= 0xDFFF))
			return -1;
		*ret_length = i + 1;
		return point;
	}
	return -1;
}

size_t utf8_count(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += ((uint8_t)*text & 0xC0) != 0x80;
	return count;
}

/* Does a terminal show it as anything but itself? */
static bool is_unsafe(int32_t point)
{
	static const struct {
		int32_t first, last;
	} ranges[] = {
		{0x00, 0x1F},	  {0x7F, 0x9F},	      {0xAD, 0xAD},	{0x061C, 0x061C},
		{0x200B, 0x200F}, {0x2028, 0x202E},   {0x2060, 0x206F}, {0xFEFF, 0xFEFF},
		{0xFFF9, 0xFFFB}, {0xE0000, 0xE0FFF},
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if (point >= ranges[i].first && point <= ranges[i].last)
			return true;
	}
	return false;
}

static void escape_point(FILE *out, const char *text, size_t length, int32_t point)
{
	if (point == '\n')
		(void)fputs("\\n", out);
	else if (point == '\t')
		(void)fputs("\\t", out);
	else if (point == '\\')
		(void)fputs("\\\\", out);
	else if (point < 0x80 && is_unsafe(point))
		(void)fprintf(out, "\\x%02x", (unsigned int)point);
	else if (is_unsafe(point))
		(void)fprintf(out, "\\u%04x", (unsigned int)point);
	else
		(void)fwrite(text, 1, length, out);
}

static void escape_to(FILE *out, const char *text, size_t length, int32_t point)
{
	if (point < 0)
		(void)fprintf(out, "\\x%02x", (uint8_t)*text);
	else
		escape_point(out, text, length, point);
}

static void repair_to(FILE *out, const char *text, size_t length, int32_t point)
{
	if (point < 0)
		(void)fputs("\xEF\xBF\xBD", out);
	else
		(void)fwrite(text, 1, length, out);
}

static char *text_map(const char *text,
		      void (*write)(FILE *out, const char *text, size_t length, int32_t point))
{
	char *result = NULL;
	size_t size;
	FILE *out = must(open_memstream(&result, &size));
	size_t length;

	for (; *text; text += length) {
		int32_t point = utf8_read(text, &length);

		write(out, text, length, point);
	}
	(void)fclose(out);
	return must(result);
}

char *text_escape(const char *text)
{
	return text_map(text, escape_to);
}

char *text_repair(const char *text)
{
	return text_map(text, repair_to);
}
