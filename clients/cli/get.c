/* SPDX-License-Identifier: Apache-2.0 */
#include "commands.h"

#include <time.h>

#include "clients/cleanup.h"
#include "exit_code.h"
#include "json.h"
#include "mark_text.h"
#include "match_option.h"

struct get_values {
	struct match_values match;
	bool effective;
};

static const struct option get_options[] = {
	MATCH_OPTIONS(struct get_values),
	{"--effective", 0, NULL, NULL, "the mark that such a packet would get", read_flag,
	 offsetof(struct get_values, effective)},
	{0},
};

static void get_print(struct cli *cli, const Waymark__V1__GetMarkResponse *response)
{
	static const struct column columns[] = {{NULL, false}, {NULL, false}};
	const Waymark__V1__Mark *mark = mark_or_empty(response->mark);
	struct table table;

	if (cli->output == OUTPUT_JSON) {
		cli_print_json(cli, json_message(&response->base));
		return;
	}
	if (cli->output == OUTPUT_JSONL) {
		cli_print_json(cli, json_message(&mark->base));
		return;
	}
	table_init(&table, cli->out, columns, sizeof(columns) / sizeof(columns[0]));
	mark_property_cells(&table, mark, time(NULL));
	table_flush(&table);
	table_done(&table);
}

static int get_main(struct cli *cli, const char **arguments, void *pointer)
{
	const struct get_values *values = pointer;
	cleanup(close_client) struct waymark_client *client = NULL;
	cleanup(free_message) Waymark__V1__GetMarkResponse *response = NULL;
	Waymark__V1__Match match = match_message(arguments[0], &values->match);
	Waymark__V1__GetMarkRequest request = WAYMARK__V1__GET_MARK_REQUEST__INIT;
	struct waymark_error error;
	int code = cli_connect(cli, &client);

	if (code)
		return code;
	request.match = &match;
	request.effective = values->effective;
	if (waymark_get_mark(client, &request, &response, &error))
		return cli_error(cli, &error);
	get_print(cli, response);
	return EXIT_OK;
}

const struct command get_command = {
	.name = "get",
	.arguments = "DESTINATION",
	.arguments_min = 1,
	.arguments_max = 1,
	.summary = "Show one mark with its counters",
	.details = MATCH_DETAILS,
	.options = get_options,
	.values_size = sizeof(struct get_values),
	.main = get_main,
};
