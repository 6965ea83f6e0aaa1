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
	fault->subject = NULL;
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
	size_t outside = strlen(outer), inside = fault ? strlen(fault->field) : 0;
	size_t front = inside ? outside + 1 : outside;

	/* Paths are built from our own constants; the longest is far shorter. */
	if (!fault || front + inside >= sizeof(fault->field))
		return;
	memmove(fault->field + front, fault->field, inside + 1);
	memcpy(fault->field, outer, outside);
	if (inside)
		fault->field[outside] = '.';
}
