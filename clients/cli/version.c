/* SPDX-License-Identifier: Apache-2.0 */
#include "commands.h"
#include "exit_code.h"

int version_main(struct cli *cli, const char **arguments, void *values)
{
	(void)arguments;
	(void)values;
	if (cli->output == OUTPUT_TABLE)
		(void)fprintf(cli->out, "waymark %s\n", waymark_version());
	else
		cli_print_json(cli, json_pack("{s:s}", "version", waymark_version()));
	return EXIT_OK;
}

const struct command version_command = {
	.name = "version",
	.arguments = "",
	.summary = "Show this program's version; 'stats' shows the agent's",
	.local = true,
	.main = version_main,
};
