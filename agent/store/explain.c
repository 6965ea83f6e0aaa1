/* SPDX-License-Identifier: Apache-2.0 */
#include "store/explain.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "store/store.h"

int explain(char *error, int r, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error, STORE_ERROR_MAX, format, arguments);
	va_end(arguments);
	return r;
}

int explain_errno(char *error, int r, const char *what)
{
	return explain(error, r, "%s: %s", what, strerror(-r));
}
