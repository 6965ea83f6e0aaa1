/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame of the command line: global options, the table of commands, and how results and
 * errors leave. Commands return exit codes (exit_code.h).
 */
#ifndef WAYMARK_CLI_CLI_H
#define WAYMARK_CLI_CLI_H

#include <stdio.h>

#include <jansson.h>

#include "agent/cleanup.h"
#include "context_file.h"
#include "endpoint.h"
#include "option.h"
#include "value.h"
#include "waymark/client.h"

DEFINE_CLEANUP(close_client, struct waymark_client *, waymark_close)

struct cli {
	FILE *out;
	FILE *err;
	struct endpoint endpoint; /* complete where a command speaks to an agent */
	const char *context; /* option --context; NULL: not given */
	enum value_output output;
	bool help;
	bool version;
	struct context_file file;
	int output_errno; /* why the output could not be written first; 0: it could */
};

/* One row of the table; each stands in the file of its command. */
struct command {
	const char *name; /* "lease grant": with the names of the groups it is in */
	const char *arguments; /* as the synopsis shows them; "" for none */
	int arguments_min, arguments_max;
	const char *summary;
	const char *details; /* for its own help: lines, each with its end */
	const struct option *options;
	size_t values_size; /* of the struct that the options fill */
	bool local; /* needs no agent */
	const struct command *const
		*members; /* of a group, ends with NULL; a group has no main */
	/* arguments: as many as the row allows, NULL ended. values: zero but for what the
	 * options have set. */
	int (*main)(struct cli *cli, const char **arguments, void *values);
};

/* Ends with NULL. */
extern const struct command *const commands[];
/* Ends with a row without a name. */
extern const struct option global_options[];

/* By the last word of its name. NULL: no such command. */
const struct command *command_find(const struct command *const *table, const char *name);
/* That word. */
const char *command_word(const struct command *command);

/* The whole program behind main(): argv without the program's name, NULL ended. */
int cli_run(const char **argv, FILE *out, FILE *err);

/* Prints "waymark: ..." as one line; returns EXIT_USAGE. */
__attribute__((format(printf, 2, 3))) int cli_usage(struct cli *cli, const char *format, ...);

/* Prints what a call or waymark_open() refused; returns its exit code. */
int cli_error(struct cli *cli, const struct waymark_error *error);

/* Prints "waymark: warning: ..." */
void cli_warn(struct cli *cli, const char *warning);

/* Loads the contexts, once. 0, or the exit code after printing why not. */
int cli_load_contexts(struct cli *cli);

/* Makes the client that the global options describe. 0, or the exit code after printing why
 * not. */
int cli_connect(struct cli *cli, struct waymark_client **ret);

/* Sends on what is printed. False: nobody can read it any more, or it cannot be written; there
 * is no use in printing more. */
bool cli_flush(struct cli *cli);

/* Prints a value in the form asked for: pretty, or one line. Takes the reference. */
void cli_print_json(struct cli *cli, json_t *value);

#endif
