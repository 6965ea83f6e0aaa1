/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/message.h"

#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "datapath/datapath.h"

/* The verifier says the reason last, so the end is what is worth keeping. */
static _Thread_local char kept[4096];

static void keep(const char *text, size_t length)
{
	size_t had = strlen(kept), room = sizeof(kept) - 1;

	if (length > room) {
		text += length - room;
		length = room;
	}
	if (had > room - length) {
		memmove(kept, kept + had - (room - length), room - length);
		had = room - length;
	}
	memcpy(kept + had, text, length);
	kept[had + length] = '\0';
}

/* One line of them all: libbpf breaks lines within its sentences, too. */
static void keep_line(char *text, size_t length)
{
	while (length > 0 && text[length - 1] == '\n')
		length--;
	for (size_t i = 0; i < length; i++)
		if (text[i] == '\n')
			text[i] = ' ';
	if (length > 0 && kept[0])
		keep("; ", 2);
	keep(text, length);
}

__attribute__((format(printf, 1, 0))) static int keep_printf(const char *format,
							     va_list arguments)
{
	cleanup(free_bytes) char *text = NULL;
	int length = vasprintf(&text, format, arguments);

	if (length < 0) {
		text = NULL;
		return 0;
	}
	keep_line(text, (size_t)length);
	return length;
}

__attribute__((format(printf, 2, 0))) static int
on_message(enum libbpf_print_level level, const char *format, va_list arguments)
{
	return level == LIBBPF_WARN ? keep_printf(format, arguments) : 0;
}

void message_say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	keep_printf(format, arguments);
	va_end(arguments);
}

void message_listen(void)
{
	libbpf_set_print(on_message);
	message_clear();
}

void message_clear(void)
{
	kept[0] = '\0';
}

const char *datapath_last_message(void)
{
	return kept;
}
