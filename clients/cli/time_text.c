/* SPDX-License-Identifier: Apache-2.0 */
#include "time_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

/* ".500", or nothing; three digits more until nothing is lost. */
static void fraction_text(uint32_t nanoseconds, char text[static 16])
{
	if (nanoseconds == 0)
		text[0] = '\0';
	else if (nanoseconds % 1000000 == 0)
		(void)snprintf(text, 16, ".%03u", nanoseconds / 1000000);
	else if (nanoseconds % 1000 == 0)
		(void)snprintf(text, 16, ".%06u", nanoseconds / 1000);
	else
		(void)snprintf(text, 16, ".%09u", nanoseconds);
}

void timestamp_text(const Google__Protobuf__Timestamp *time, char text[static TIME_TEXT_MAX])
{
	const time_t seconds = time->seconds;
	char fraction[16];
	char day[40];
	struct tm parts;

	fraction_text((uint32_t)time->nanos, fraction);
	if (!gmtime_r(&seconds, &parts) || !strftime(day, sizeof(day), "%FT%T", &parts)) {
		(void)snprintf(text, TIME_TEXT_MAX, "%" PRId64 "%ss", time->seconds, fraction);
		return;
	}
	(void)snprintf(text, TIME_TEXT_MAX, "%s%sZ", day, fraction);
}

void duration_text(const Google__Protobuf__Duration *time, char text[static TIME_TEXT_MAX])
{
	int negative = time->seconds < 0 || time->nanos < 0;
	uint64_t seconds = negative ? 0 - (uint64_t)time->seconds : (uint64_t)time->seconds;
	uint32_t nanoseconds = negative ? 0 - (uint32_t)time->nanos : (uint32_t)time->nanos;
	char fraction[16];

	fraction_text(nanoseconds, fraction);
	(void)snprintf(text, TIME_TEXT_MAX, "%s%" PRIu64 "%ss", negative ? "-" : "", seconds,
		       fraction);
}

void time_left_text(int64_t seconds, char text[static TIME_TEXT_MAX])
{
	const int64_t left = seconds > 0 ? seconds : 0;

	if (left >= 86400)
		(void)snprintf(text, TIME_TEXT_MAX, "%" PRId64 "d%" PRId64 "h", left / 86400,
			       left % 86400 / 3600);
	else if (left >= 3600)
		(void)snprintf(text, TIME_TEXT_MAX, "%" PRId64 "h%" PRId64 "m", left / 3600,
			       left % 3600 / 60);
	else if (left >= 60)
		(void)snprintf(text, TIME_TEXT_MAX, "%" PRId64 "m%" PRId64 "s", left / 60,
			       left % 60);
	else
		(void)snprintf(text, TIME_TEXT_MAX, "%" PRId64 "s", left);
}
