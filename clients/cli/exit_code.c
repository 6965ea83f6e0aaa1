/* SPDX-License-Identifier: Apache-2.0 */
#include "exit_code.h"

#include <stdint.h>

#include "waymark/client.h"

#define CODE(name) (UINT32_C(1) << WAYMARK_##name)

static const struct {
	const char *meaning;
	uint32_t codes; /* bits by enum waymark_code */
} classes[] = {
	[EXIT_OK] = {"done; clearing a mark that is absent, too", CODE(OK)},
	[EXIT_INTERNAL] = {"a fault of the agent or of this program",
			   CODE(UNKNOWN) | CODE(INTERNAL) | CODE(DATA_LOSS)},
	[EXIT_USAGE] = {"wrong usage or a wrong value",
			CODE(INVALID_ARGUMENT) | CODE(OUT_OF_RANGE)},
	[EXIT_NOT_FOUND] = {"there is no such mark or lease", CODE(NOT_FOUND)},
	[EXIT_PERMISSION] = {"not allowed", CODE(PERMISSION_DENIED) | CODE(UNAUTHENTICATED)},
	[EXIT_STATE] = {"refused in the present state",
			CODE(ALREADY_EXISTS) | CODE(FAILED_PRECONDITION) | CODE(ABORTED)},
	[EXIT_EXHAUSTED] = {"a table, quota or rate is used up", CODE(RESOURCE_EXHAUSTED)},
	[EXIT_UNAVAILABLE] = {"the agent cannot be reached, or not in time",
			      CODE(UNAVAILABLE) | CODE(DEADLINE_EXCEEDED) | CODE(CANCELLED)},
	[EXIT_UNIMPLEMENTED] = {"the agent does not know the call", CODE(UNIMPLEMENTED)},
};

#define CLASS_COUNT (sizeof(classes) / sizeof(classes[0]))

enum exit_code exit_code_of(int waymark_code)
{
	if (waymark_code < 0 || waymark_code > WAYMARK_UNAUTHENTICATED)
		return EXIT_INTERNAL;
	for (size_t i = 0; i < CLASS_COUNT; i++) {
		if (classes[i].codes >> waymark_code & 1)
			return (enum exit_code)i;
	}
	return EXIT_INTERNAL;
}

void exit_code_help(FILE *out)
{
	for (size_t i = 0; i < CLASS_COUNT; i++) {
		const char *separator = "  (";

		(void)fprintf(out, "  %zu  %s\n   ", i, classes[i].meaning);
		for (int code = 0; code <= WAYMARK_UNAUTHENTICATED; code++) {
			if (!(classes[i].codes >> code & 1))
				continue;
			(void)fprintf(out, "%s%s", separator, waymark_code_name(code));
			separator = ", ";
		}
		(void)fputs(")\n", out);
	}
}
