/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/text.h"

#include <stdint.h>
#include <string.h>

static bool text_continues(const uint8_t *at, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if ((at[i] & 0xC0) != 0x80)
			return false;
	return true;
}

size_t text_character(const char *text, size_t size)
{
	const uint8_t *at = (const uint8_t *)text;

	if (!size)
		return 0;
	if (at[0] < 0x80)
		return 1;
	if (at[0] >= 0xC2 && at[0] <= 0xDF)
		return size >= 2 && text_continues(at + 1, 1) ? 2 : 0;
	if (at[0] >= 0xE0 && at[0] <= 0xEF) {
		if (size < 3 || !text_continues(at + 1, 2))
			return 0;
		bool overlong = at[0] == 0xE0 && at[1] < 0xA0;
		bool surrogate = at[0] == 0xED && at[1] > 0x9F;
		return overlong || surrogate ? 0 : 3;
	}
	if (at[0] >= 0xF0 && at[0] <= 0xF4) {
		if (size < 4 || !text_continues(at + 1, 3))
			return 0;
		bool overlong = at[0] == 0xF0 && at[1] < 0x90;
		bool beyond = at[0] == 0xF4 && at[1] > 0x8F;
		return overlong || beyond ? 0 : 4;
	}
	return 0;
}

bool text_valid(const char *text, size_t size)
{
	while (size) {
		size_t length = text_character(text, size);

		if (!length)
			return false;
		text += length;
		size -= length;
	}
	return true;
}

/* Does the text end inside a character that was fine so far? */
static bool text_is_cut(const char *text, size_t size)
{
	const uint8_t *at = (const uint8_t *)text;
	size_t whole = at[0] >= 0xF0 ? 4 : at[0] >= 0xE0 ? 3 : 2;

	return at[0] >= 0xC2 && at[0] <= 0xF4 && size < whole &&
	       text_continues(at + 1, size - 1);
}

size_t text_clean(char *to, size_t size, const char *from, size_t from_size)
{
	size_t rest = strnlen(from, from_size), written = 0;

	while (rest) {
		size_t length = text_character(from, rest);
		size_t step = length ? length : 1;

		if (written + step >= size || (!length && text_is_cut(from, rest)))
			break;
		if (length)
			memcpy(to + written, from, length);
		else
			to[written] = '?';
		written += step;
		from += step;
		rest -= step;
	}
	to[written] = '\0';
	return written;
}
