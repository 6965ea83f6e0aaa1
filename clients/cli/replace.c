/* SPDX-License-Identifier: Apache-2.0 */
#include "waymark/replace.h"

#include "clients/cleanup.h"
#include "commands.h"
#include "exit_code.h"
#include "text.h"
#include "update_list.h"
#include "update_report.h"
#include "write_option.h"

/* Marks that are unpacked at once. */
#define PORTION 1000

struct replace_values {
	struct write_values write;
	bool all_or_nothing;
	bool allow_empty;
	uint64_t if_owner_revision; /* 0: no condition */
};

static const struct option replace_options[] = {
	{"--all-or-nothing", 0, NULL, NULL, "if one fails, nothing is changed", read_flag,
	 offsetof(struct replace_values, all_or_nothing)},
	{"--allow-empty", 0, NULL, NULL, "a file without marks removes all", read_flag,
	 offsetof(struct replace_values, allow_empty)},
	{"--if-owner-revision", 0, "N", NULL,
	 "only if no mark of the owner has changed since this revision", read_u64,
	 offsetof(struct replace_values, if_owner_revision)},
	WRITE_OPTIONS(struct replace_values),
	{0},
};

/* One file on its way to the agent. */
struct declaration {
	struct cli *cli;
	const struct replace_values *values;
	struct update_list list;
	struct waymark_client *client;
	struct waymark_replace *stream;
	struct update_report report;
};

static void declaration_done(struct declaration *declaration)
{
	waymark_replace_free(declaration->stream);
	waymark_close(declaration->client);
	update_list_done(&declaration->list);
}

/* waymark_replace_begin() with what the options say. */
static int begin(struct declaration *declaration, struct waymark_error *error)
{
	const struct replace_values *values = declaration->values;
	Waymark__V1__ReplaceBegin message = WAYMARK__V1__REPLACE_BEGIN__INIT;
	Waymark__V1__WriteOptions options;

	message.options = write_options(declaration->cli, &values->write, &options);
	if (values->all_or_nothing)
		message.atomicity = WAYMARK__V1__ATOMICITY__ATOMICITY_ALL_OR_NOTHING;
	message.allow_empty = values->allow_empty;
	message.if_owner_revision = values->if_owner_revision;
	return waymark_replace_begin(declaration->client, &message, &declaration->stream,
				     error);
}

static int add_portion(struct declaration *declaration, size_t first, size_t count,
		       struct waymark_error *error)
{
	Waymark__V1__MarkUpdate *updates[PORTION];
	Waymark__V1__Mark *marks[PORTION];
	int code;

	for (size_t i = 0; i < count; i++) {
		updates[i] = update_list_get(&declaration->list, first + i);
		marks[i] = updates[i]->set;
	}
	code = waymark_replace_add(declaration->stream, marks, count, error);
	for (size_t i = 0; i < count; i++)
		waymark__v1__mark_update__free_unpacked(updates[i], NULL);
	return code;
}

static int add_all(struct declaration *declaration, struct waymark_error *error)
{
	const size_t total = declaration->list.count;
	int code = 0;

	for (size_t first = 0; !code && first < total; first += PORTION)
		code = add_portion(declaration, first,
				   total - first < PORTION ? total - first : PORTION, error);
	return code;
}

static int report_response(struct declaration *declaration,
			   const Waymark__V1__ReplaceMarksResponse *response)
{
	struct update_report *report = &declaration->report;

	for (size_t i = 0; i < response->n_failures; i++)
		update_report_add(report, 0, response->failures[i]);
	report->outcomes[WAYMARK__V1__OUTCOME__OUTCOME_CREATED] = response->created;
	report->outcomes[WAYMARK__V1__OUTCOME__OUTCOME_UPDATED] = response->updated;
	report->outcomes[WAYMARK__V1__OUTCOME__OUTCOME_UNCHANGED] = response->unchanged;
	report->outcomes[WAYMARK__V1__OUTCOME__OUTCOME_REMOVED] = response->removed;
	/* The agent names the first of them only. */
	report->failed = response->failed;
	return update_report_end(report, true);
}

static int declaration_send(struct declaration *declaration)
{
	cleanup(free_message) Waymark__V1__ReplaceMarksResponse *response = NULL;
	struct waymark_error error;
	int code = begin(declaration, &error);

	if (!code)
		code = add_all(declaration, &error);
	if (!code)
		code = waymark_replace_commit(declaration->stream, &response, &error);
	update_report_init(&declaration->report, declaration->cli, &declaration->list,
			   declaration->values->write.dry_run);
	if (!code)
		return report_response(declaration, response);
	code = update_report_error(&declaration->report, 0, &error);
	json_decref(declaration->report.results);
	return code;
}

static int replace_main(struct cli *cli, const char **arguments, void *pointer)
{
	cleanup(declaration_done) struct declaration declaration = {.cli = cli,
								    .values = pointer};
	int code = update_list_read(cli, &declaration.list, arguments[0], true);

	if (!code && !declaration.list.count && !declaration.values->allow_empty)
		code = cli_usage(cli,
				 "replace: %s declares no mark; --allow-empty removes all of "
				 "the owner's",
				 declaration.list.name);
	if (!code)
		code = cli_connect(cli, &declaration.client);
	return code ? code : declaration_send(&declaration);
}

const struct command replace_command = {
	.name = "replace",
	.arguments = "FILE",
	.arguments_min = 1,
	.arguments_max = 1,
	.summary = "Make the marks of a file all that the owner has",
	.details = "FILE, or - for standard input, has marks as 'waymark list -o jsonl' prints "
		   "them,\n"
		   "one a line or in one array. What the owner has and the file has not is "
		   "removed.\n"
		   "What only agents say of a mark is ignored. Nothing is sent unless the "
		   "whole file\n"
		   "is right, and nothing is changed before all of it has arrived.\n",
	.options = replace_options,
	.values_size = sizeof(struct replace_values),
	.main = replace_main,
};
