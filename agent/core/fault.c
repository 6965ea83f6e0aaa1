/* SPDX-License-Identifier: Apache-2.0 */
#include "core/fault.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool continues_character(char octet)
{
	return ((unsigned char)octet & 0xC0) == 0x80;
}

/* Messages travel as protobuf strings: one cut inside a character could not be read. */
static void end_with_dots(char *text, size_t size)
{
	size_t end = size - sizeof("...");

	while (end > 0 && continues_character(text[end]))
		end--;
	memcpy(text + end, "...", sizeof("..."));
}

int fault_set(struct fault *fault, enum fault_code code, const char *reason, const char *field,
	      const char *format, ...)
{
	va_list arguments;
	int length;

	if (!fault)
		return -EINVAL;
	fault->code = code;
	fault->reason = reason;
	snprintf(fault->field, sizeof(fault->field), "%s", field ? field : "");
	va_start(arguments, format);
	length = vsnprintf(fault->message, sizeof(fault->message), format, arguments);
	va_end(arguments);
	if (length >= (int)sizeof(fault->message))
		end_with_dots(fault->message, sizeof(fault->message));
	return -EINVAL;
}

void fault_prefix(struct fault *fault, const char *outer)
{
	char inner[sizeof(fault->field)];

	if (!fault)
		return;
	memcpy(inner, fault->field, sizeof(inner));
	snprintf(fault->field, sizeof(fault->field), "%s%s%s", outer, inner[0] ? "." : "",
		 inner);
}
