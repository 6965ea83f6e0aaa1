/* SPDX-License-Identifier: Apache-2.0 */
/* Exit codes: one for each class of failure that a script would treat differently. */
#ifndef WAYMARK_CLI_EXIT_CODE_H
#define WAYMARK_CLI_EXIT_CODE_H

#include <stdio.h>

enum exit_code {
	EXIT_OK = 0,
	EXIT_INTERNAL = 1,
	EXIT_USAGE = 2,
	EXIT_NOT_FOUND = 3,
	EXIT_PERMISSION = 4,
	EXIT_STATE = 5,
	EXIT_EXHAUSTED = 6,
	EXIT_UNAVAILABLE = 7,
	EXIT_UNIMPLEMENTED = 8,
};

/* Of an enum waymark_code; unknown ones are EXIT_INTERNAL. */
enum exit_code exit_code_of(int waymark_code);

/* Prints the table of them all. */
void exit_code_help(FILE *out);

#endif
