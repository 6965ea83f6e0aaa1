/* SPDX-License-Identifier: Apache-2.0 */
#include "commands.h"

#include <string.h>

#include "exit_code.h"

static void list_commands(struct cli *cli, const struct command *const *table)
{
	for (; *table; table++)
		(void)fprintf(cli->out, "  %-11s %s\n", command_word(*table),
			      (*table)->summary);
}

static int group_help(struct cli *cli, const struct command *group)
{
	(void)fprintf(cli->out, "Usage: waymark %s COMMAND [ARGUMENT...] [OPTION...]\n\n%s.\n",
		      group->name, group->summary);
	if (group->details)
		(void)fprintf(cli->out, "\n%s", group->details);
	(void)fputs("\nCommands:\n", cli->out);
	list_commands(cli, group->members);
	(void)fprintf(cli->out, "\n'waymark help %s COMMAND' tells more.\n", group->name);
	return EXIT_OK;
}

int command_help(struct cli *cli, const struct command *command)
{
	if (command->members)
		return group_help(cli, command);
	(void)fprintf(cli->out, "Usage: waymark %s %s%s[OPTION...]\n\n%s.\n", command->name,
		      command->arguments, *command->arguments ? " " : "", command->summary);
	if (command->details)
		(void)fprintf(cli->out, "\n%s", command->details);
	if (command->options) {
		(void)fputs("\nOptions:\n", cli->out);
		options_help(command->options, cli->out);
	}
	(void)fputs("\nGlobal options: see 'waymark help'.\n", cli->out);
	return EXIT_OK;
}

static int overview(struct cli *cli)
{
	(void)fputs("Usage: waymark [GLOBAL OPTION...] COMMAND [ARGUMENT...] [OPTION...]\n\n"
		    "Tells a Waymark agent which IPv6 traffic to mark.\n\nCommands:\n",
		    cli->out);
	list_commands(cli, commands);
	(void)fputs("\nGlobal options, before or behind the command "
		    "[and the variable that sets their default]:\n",
		    cli->out);
	options_help(global_options, cli->out);
	(void)fputs("\n'waymark help COMMAND' and 'waymark help exit-codes' tell more.\n",
		    cli->out);
	return EXIT_OK;
}

int help_main(struct cli *cli, const char **arguments, void *values)
{
	const struct command *const *table = commands;
	const struct command *command = NULL;

	(void)values;
	if (!arguments[0])
		return overview(cli);
	if (strcmp(arguments[0], "exit-codes") == 0) {
		(void)fputs("Exit codes, by class of the gRPC code:\n", cli->out);
		exit_code_help(cli->out);
		return EXIT_OK;
	}
	for (; *arguments; arguments++) {
		command = table ? command_find(table, *arguments) : NULL;
		if (!command)
			return cli_usage(cli,
					 "help: no command '%s'; 'waymark help' lists them",
					 *arguments);
		table = command->members;
	}
	return command_help(cli, command);
}

const struct command help_command = {
	.name = "help",
	.arguments = "[COMMAND... | exit-codes]",
	.arguments_max = 2,
	.summary = "Show help",
	.local = true,
	.main = help_main,
};
