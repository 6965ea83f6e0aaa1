/* SPDX-License-Identifier: Apache-2.0 */
/* The commands, each in its own file; cli.c has the table. */
#ifndef WAYMARK_CLI_COMMANDS_H
#define WAYMARK_CLI_COMMANDS_H

#include "cli.h"

extern const struct command set_command;
extern const struct command clear_command;
extern const struct command get_command;
extern const struct command list_command;
extern const struct command watch_command;
extern const struct command stats_command;
extern const struct command whoami_command;
extern const struct command apply_command;
extern const struct command replace_command;
extern const struct command lease_command;
extern const struct command scitag_command;
extern const struct command context_command;
extern const struct command completion_command;
extern const struct command version_command;
extern const struct command help_command;

/* Also reached by --help and --version. */
int help_main(struct cli *cli, const char **arguments, void *values);
int version_main(struct cli *cli, const char **arguments, void *values);

/* What Stats answers; free_message() is for it. 0, or the exit code after printing why not. */
int stats_fetch(struct cli *cli, Waymark__V1__StatsResponse **ret);

/* Prints a command's own help, or a group's. */
int command_help(struct cli *cli, const struct command *command);

#endif
