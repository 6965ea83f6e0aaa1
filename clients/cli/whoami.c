/* SPDX-License-Identifier: Apache-2.0 */
#include "commands.h"

#include <inttypes.h>

#include "clients/cleanup.h"
#include "exit_code.h"
#include "json.h"
#include "mark_text.h"
#include "text.h"
#include "time_text.h"

static void text_row(struct table *table, const char *name, const char *value)
{
	table_cell(table, "%s", name);
	table_cell(table, "%s", value);
}

static void number_row(struct table *table, const char *name, uint64_t value)
{
	table_cell(table, "%s", name);
	table_cell(table, "%" PRIu64, value);
}

/* "2, 3"; or what none of them means. */
static void numbers_row(struct table *table, const char *name, const uint32_t numbers[],
			size_t n, const char *none)
{
	cleanup(free_bytes) char *text = NULL;
	size_t size;
	FILE *out = must(open_memstream(&text, &size));

	for (size_t i = 0; i < n; i++)
		(void)fprintf(out, "%s%" PRIu32, i ? ", " : "", numbers[i]);
	(void)fclose(out);
	text_row(table, name, n ? (const char *)must(text) : none);
}

static void destination_rows(struct table *table, const Waymark__V1__Caller *caller)
{
	for (size_t i = 0; i < caller->n_destinations; i++)
		text_row(table, "DESTINATIONS", caller->destinations[i]);
	if (caller->n_destinations == 0)
		text_row(table, "DESTINATIONS", "any");
}

static void limit_rows(struct table *table, const Waymark__V1__Caller *caller)
{
	char ttl[TIME_TEXT_MAX] = "any, or none";

	numbers_row(table, "EXPERIMENTS", caller->experiment_ids, caller->n_experiment_ids,
		    "any");
	destination_rows(table, caller);
	numbers_row(table, "DSCP", caller->dscps, caller->n_dscps, "none");
	text_row(table, "RAW LABELS", caller->raw_labels ? "yes" : "no");
	if (caller->max_ttl)
		time_left_text(caller->max_ttl->seconds, ttl);
	text_row(table, "LONGEST TTL", ttl);
}

static void print_caller(FILE *out, const Waymark__V1__Caller *caller)
{
	static const struct column columns[] = {{NULL, false}, {NULL, false}};
	struct table table;

	table_init(&table, out, columns, 2);
	text_row(&table, "IDENTITY", caller->identity);
	text_row(&table, "ROLE", enum_text(&waymark__v1__role__descriptor, caller->role));
	if (caller->policy_line)
		number_row(&table, "POLICY LINE", caller->policy_line);
	text_row(&table, "OWNER", caller->owner);
	number_row(&table, "OWN MARKS", caller->mark_count);
	if (caller->quota)
		number_row(&table, "QUOTA", caller->quota);
	if (caller->highest_election_id)
		number_row(&table, "ELECTION ID", caller->highest_election_id);
	if (caller->role == WAYMARK__V1__ROLE__ROLE_WRITER)
		limit_rows(&table, caller);
	table_flush(&table);
	table_done(&table);
}

static int whoami_main(struct cli *cli, const char **arguments, void *values)
{
	cleanup(free_message) Waymark__V1__StatsResponse *stats = NULL;
	const Waymark__V1__Caller nobody = WAYMARK__V1__CALLER__INIT;
	const Waymark__V1__Caller *caller;
	int code = stats_fetch(cli, &stats);

	(void)arguments;
	(void)values;
	if (code)
		return code;
	caller = stats->caller ? stats->caller : &nobody;
	if (cli->output == OUTPUT_TABLE)
		print_caller(cli->out, caller);
	else
		cli_print_json(cli, json_message(&caller->base));
	return EXIT_OK;
}

const struct command whoami_command = {
	.name = "whoami",
	.arguments = "",
	.summary = "Show whom the agent takes you for, and what you may do",
	.main = whoami_main,
};
