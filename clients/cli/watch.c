/* SPDX-License-Identifier: Apache-2.0 */
#include "commands.h"

#include <inttypes.h>

#include "clients/cleanup.h"
#include "exit_code.h"
#include "filter_option.h"
#include "json.h"
#include "mark_text.h"
#include "text.h"
#include "watch_guard.h"

struct watch_values {
	struct filter_values filter;
	bool updates_only;
	bool until_synced;
};

static const struct option watch_options[] = {
	FILTER_OPTIONS(struct watch_values),
	{"--updates-only", 0, NULL, NULL, "only what changes from now on", read_flag,
	 offsetof(struct watch_values, updates_only)},
	{"--until-synced", 0, NULL, NULL, "end after the marks that there are", read_flag,
	 offsetof(struct watch_values, until_synced)},
	{0},
};

static const struct column columns[] = {{"EVENT", false},  {"REVISION", true}, MARK_COLUMNS,
					{"REASON", false}, MARK_COUNTERS,      MARK_NOTES};

/* A row that is about no mark. */
static void print_state(struct table *table, const char *event, uint64_t revision,
			const char *reason)
{
	table_cell(table, "%s", event);
	if (revision)
		table_cell(table, "%" PRIu64, revision);
	else
		table_cell(table, "%s", "");
	for (size_t column = 2; column < table->column_count; column++)
		table_cell(table, "%s", column == 6 ? reason : "");
}

static void print_change(struct cli *cli, struct table *table,
			 const Waymark__V1__MarkEvent *event)
{
	const Waymark__V1__Mark *mark = mark_or_empty(event->mark);

	if (cli->output == OUTPUT_JSONL) {
		cli_print_json(cli, json_message(&event->base));
		return;
	}
	table_cell(table, "%s",
		   enum_text(&waymark__v1__mark_event__type__descriptor, event->type));
	table_cell(table, "%" PRIu64, mark->revision);
	mark_cells(table, mark);
	table_cell(table, "%s",
		   enum_text(&waymark__v1__removal_reason__descriptor, event->reason));
	mark_counter_cells(table, mark);
	mark_note_cells(table, mark);
}

/* What the agent says; as JSON whole, as lines and rows what a reader needs of it. */
static void print_message(struct cli *cli, struct table *table,
			  const struct waymark_event *event)
{
	const Waymark__V1__WatchMarksResponse *message = event->message;

	if (cli->output == OUTPUT_JSON) {
		cli_print_json(cli, json_message(&message->base));
		return;
	}
	if (event->type == WAYMARK_WATCH_SYNCED) {
		if (cli->output == OUTPUT_JSONL)
			cli_print_json(cli, json_message(&message->base));
		else
			print_state(table, "SYNCED",
				    message->header ? message->header->revision : 0, "");
		return;
	}
	for (size_t i = 0;
	     event->type == WAYMARK_WATCH_CHANGES && i < message->events->n_events; i++)
		print_change(cli, table, message->events->events[i]);
}

static void print_reset(struct cli *cli, struct table *table, const struct waymark_error *cause)
{
	cli_warn(cli, "changes were missed; what was shown before is void");
	if (cli->output == OUTPUT_TABLE)
		print_state(table, "RESET", 0, cause->reason);
	else
		cli_print_json(cli,
			       must(json_pack("{s:{s:s}}", "reset", "reason", cause->reason)));
}

static void print_lost(struct cli *cli, const struct waymark_error *cause)
{
	char text[sizeof(cause->message) + 64];

	(void)snprintf(text, sizeof(text), "interrupted, trying again: %s", cause->message);
	cli_warn(cli, text);
}

static int watch_follow(struct cli *cli, struct waymark_watch *watch, struct table *table)
{
	struct waymark_event event;
	struct waymark_error error;

	do {
		int code = waymark_watch_next(watch, -1, &event, &error);

		if (code == WAYMARK_CANCELLED)
			return EXIT_OK;
		if (code)
			return cli_error(cli, &error);
		if (event.type == WAYMARK_WATCH_LOST)
			print_lost(cli, &event.cause);
		else if (event.type == WAYMARK_WATCH_RESET)
			print_reset(cli, table, &event.cause);
		else if (event.message)
			print_message(cli, table, &event);
		/* The header waits for the first row: its widths are the columns'. */
		if (table->cell_count)
			table_flush(table);
	} while (cli_flush(cli) && event.type != WAYMARK_WATCH_END);
	return EXIT_OK;
}

static int watch_run(struct cli *cli, const Waymark__V1__WatchMarksRequest *request,
		     struct watch_guard *guard)
{
	cleanup(close_client) struct waymark_client *client = NULL;
	struct waymark_watch *watch;
	struct waymark_error error;
	struct table table;
	int code = cli_connect(cli, &client);

	if (code)
		return code;
	if (waymark_watch_open(client, request, &watch, &error))
		return cli_error(cli, &error);
	watch_guard_start(guard, watch, fileno(cli->out));
	table_init(&table, cli->out, columns, sizeof(columns) / sizeof(columns[0]));
	code = watch_follow(cli, watch, &table);
	table_done(&table);
	watch_guard_done(guard);
	waymark_watch_close(watch);
	return code;
}

static int watch_main(struct cli *cli, const char **arguments, void *pointer)
{
	struct watch_values *values = pointer;
	Waymark__V1__MarkFilter filter = filter_message(&values->filter);
	Waymark__V1__WatchMarksRequest request = WAYMARK__V1__WATCH_MARKS_REQUEST__INIT;
	struct watch_guard guard;

	(void)arguments;
	if (values->updates_only && values->until_synced)
		return cli_usage(cli,
				 "watch: --updates-only and --until-synced exclude each other");
	request.filter = &filter;
	request.updates_only = values->updates_only;
	request.until_synced = values->until_synced;
	watch_guard_init(&guard);
	return watch_run(cli, &request, &guard);
}

const struct command watch_command = {
	.name = "watch",
	.arguments = "",
	.summary = "Follow marks: those that there are, then every change",
	.details = "A row or line for each change, the moment it comes. Lost connections are\n"
		   "taken up again where they broke off. Ends with SIGINT, SIGTERM or when "
		   "nobody\n"
		   "reads the output any more.\n",
	.options = watch_options,
	.values_size = sizeof(struct watch_values),
	.main = watch_main,
};
