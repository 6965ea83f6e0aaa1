/* SPDX-License-Identifier: Apache-2.0 */
#include "commands.h"

#include "clients/cleanup.h"
#include "exit_code.h"
#include "json.h"
#include "mark_text.h"
#include "match_option.h"
#include "write_option.h"

struct clear_values {
	struct match_values match;
	struct write_values write;
	uint64_t if_revision; /* 0: no condition */
};

static const struct option clear_options[] = {
	MATCH_OPTIONS(struct clear_values),
	{"--if-revision", 0, "N", NULL, "only if the mark has this revision", read_u64,
	 offsetof(struct clear_values, if_revision)},
	WRITE_OPTIONS(struct clear_values),
	{0},
};

/* An absent mark is shown as no more than the match that was asked for. */
static void clear_print(struct cli *cli, const Waymark__V1__ClearMarkResponse *response,
			Waymark__V1__Match *match)
{
	static const struct column columns[] = {
		{"OUTCOME", false}, MARK_COLUMNS, MARK_COUNTERS, MARK_NOTES};
	Waymark__V1__Mark absent = WAYMARK__V1__MARK__INIT;
	const Waymark__V1__Mark *mark = response->mark ? response->mark : &absent;
	struct table table;

	if (cli->output != OUTPUT_TABLE) {
		cli_print_json(cli, json_message(&response->base));
		return;
	}
	absent.match = match;
	table_init(&table, cli->out, columns, sizeof(columns) / sizeof(columns[0]));
	table_cell(&table, "%s",
		   enum_text(&waymark__v1__outcome__descriptor, response->outcome));
	mark_cells(&table, mark);
	mark_counter_cells(&table, mark);
	mark_note_cells(&table, mark);
	table_flush(&table);
	table_done(&table);
}

static int clear_main(struct cli *cli, const char **arguments, void *pointer)
{
	const struct clear_values *values = pointer;
	cleanup(close_client) struct waymark_client *client = NULL;
	cleanup(free_message) Waymark__V1__ClearMarkResponse *response = NULL;
	Waymark__V1__Match match = match_message(arguments[0], &values->match);
	Waymark__V1__Precondition precondition = WAYMARK__V1__PRECONDITION__INIT;
	Waymark__V1__WriteOptions options;
	Waymark__V1__ClearMarkRequest request = WAYMARK__V1__CLEAR_MARK_REQUEST__INIT;
	struct waymark_error error;
	int code;

	request.match = &match;
	if (values->if_revision) {
		precondition.if_revision = values->if_revision;
		request.precondition = &precondition;
	}
	request.options = write_options(cli, &values->write, &options);
	code = cli_connect(cli, &client);
	if (code)
		return code;
	if (waymark_clear_mark(client, &request, &response, &error))
		return cli_error(cli, &error);
	clear_print(cli, response, &match);
	return EXIT_OK;
}

const struct command clear_command = {
	.name = "clear",
	.arguments = "DESTINATION",
	.arguments_min = 1,
	.arguments_max = 1,
	.summary = "Remove the mark with this match and show its final counters",
	.details = MATCH_DETAILS "\nClearing what is absent says so and is a success.\n",
	.options = clear_options,
	.values_size = sizeof(struct clear_values),
	.main = clear_main,
};
