/* SPDX-License-Identifier: Apache-2.0 */
#include "value.h"

#include <stdlib.h>
#include <string.h>

#define REFUSE(...) ((void)snprintf(reason, REASON_MAX, __VA_ARGS__), false)

/* Digits of one number: the largest, in days, is far within 64 bits of seconds. */
#define DIGITS_MAX 9

#define EXAMPLES "such as 90s, 1d12h or PT1H30M"

struct unit {
	char letter; /* 0 ends a list */
	int64_t seconds;
};

/* Each may stand once and in this order. */
static const struct unit units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}, {0}};
/* ISO 8601, as far as its units have one length. */
static const struct unit iso_days[] = {{'D', 86400}, {0}};
static const struct unit iso_times[] = {{'H', 3600}, {'M', 60}, {'S', 1}, {0}};

/* The unit with this letter in what is left of a list; NULL: none. */
static const struct unit *unit_find(const struct unit *rest, char letter)
{
	while (rest->letter && rest->letter != letter)
		rest++;
	return rest->letter ? rest : NULL;
}

static bool refuse_unit(const struct unit *list, char letter, char reason[static REASON_MAX])
{
	if (!letter)
		return REFUSE("the last number has no unit: s, m, h or d");
	if (unit_find(list, letter))
		return REFUSE("'%c' twice, or behind a smaller unit", letter);
	return REFUSE("not a length of time " EXAMPLES);
}

/* Reads terms of the list's units up to `end` or the end, and moves *text there; adds them to
 * *ret. */
static bool terms_read(const char **text, const struct unit *list, char end, int64_t *ret,
		       char reason[static REASON_MAX])
{
	const struct unit *rest = list;

	do {
		size_t digits = strspn(*text, "0123456789");
		char letter = (*text)[digits];
		const struct unit *unit = unit_find(rest, letter);

		if (digits == 0 || digits > DIGITS_MAX)
			return REFUSE("not a length of time " EXAMPLES);
		if (!unit)
			return refuse_unit(list, letter, reason);
		*ret += strtoll(*text, NULL, 10) * unit->seconds;
		*text += digits + 1;
		rest = unit + 1;
	} while (**text && **text != end);
	return true;
}

/* Behind the "P". */
static bool iso_read(const char *text, int64_t *ret, char reason[static REASON_MAX])
{
	if (*text != 'T' && !terms_read(&text, iso_days, 'T', ret, reason))
		return false;
	if (!*text)
		return true;
	text++;
	return terms_read(&text, iso_times, '\0', ret, reason);
}

bool read_ttl(const char *text, void *ret, char reason[static REASON_MAX])
{
	int64_t seconds = 0;
	bool read = *text == 'P' ? iso_read(text + 1, &seconds, reason)
				 : terms_read(&text, units, '\0', &seconds, reason);

	if (read && seconds == 0)
		return REFUSE("a lifetime of nothing");
	if (read)
		*(struct value_duration *)ret =
			(struct value_duration){.given = true, .seconds = seconds};
	return read;
}
