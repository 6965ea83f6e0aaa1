/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/number.h"

#include <string.h>

int64_t number_parse(const char *text, int64_t max)
{
	int64_t number = 0;

	if (!text[0] || (text[0] == '0' && text[1]))
		return -1;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		number = number * 10 + *text - '0';
		if (number > max)
			return -1;
	}
	return number;
}

static int64_t seconds_in(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	default:
		return 86400;
	}
}

int64_t number_parse_duration(const char *text, const char *units, int64_t max)
{
	const size_t length = strlen(text);
	char digits[20] = "";
	int64_t seconds, number;

	if (length < 2 || length > sizeof(digits) || !strchr(units, text[length - 1]))
		return -1;
	memcpy(digits, text, length - 1);
	seconds = seconds_in(text[length - 1]);
	number = number_parse(digits, max / seconds);
	return number < 0 ? -1 : number * seconds;
}
