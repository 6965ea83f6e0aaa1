/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command-line options as data: one row feeds the parser, the help and the errors.
 */
#ifndef WAYMARK_CLI_OPTION_H
#define WAYMARK_CLI_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define REASON_MAX 512

/* Reads one value into *ret; text is NULL for a flag. On false, reason completes the sentence
 * "--option text: ..." and *ret is untouched. */
typedef bool option_reader(const char *text, void *ret, char reason[static REASON_MAX]);

struct option {
	const char *name; /* "--source"; NULL ends a table */
	char letter; /* 'o' for "-o"; 0: none */
	const char *value; /* what help calls the value; NULL: a flag */
	const char *environment; /* variable that stands in for the option; NULL: none */
	const char *help;
	option_reader *read;
	size_t offset; /* of the value in the struct that the table fills */
};

/* A table and the struct that it fills. */
struct option_set {
	const struct option *options; /* NULL ends an array of sets */
	void *values;
};

/* Sets what the environment gives. 0, or -1 with one sentence in reason. */
int options_read_environment(const struct option_set *set, char reason[static REASON_MAX]);

/* Reads the options that argv starts with. Returns how many elements of argv they take, or -1
 * with one sentence in reason. argv ends with NULL. */
int options_read_leading(const struct option_set *sets, const char **argv,
			 char reason[static REASON_MAX]);

/* Reads the options anywhere in argv, up to "--". Moves the arguments to its front, NULL ended.
 * Returns their number, or -1 with one sentence in reason. */
int options_read_all(const struct option_set *sets, const char **argv,
		     char reason[static REASON_MAX]);

/* Prints a table's help, one option a line. */
void options_help(const struct option *options, FILE *out);

#endif
