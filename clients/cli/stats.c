/* SPDX-License-Identifier: Apache-2.0 */
#include "commands.h"

#include <inttypes.h>

#include "clients/cleanup.h"
#include "exit_code.h"
#include "json.h"
#include "mark_text.h"
#include "text.h"
#include "time_text.h"

static void text_property(struct table *table, const char *name, const char *value)
{
	table_cell(table, "%s", name);
	table_cell(table, "%s", value);
}

static void time_property(struct table *table, const char *name,
			  const Google__Protobuf__Timestamp *time)
{
	char text[TIME_TEXT_MAX] = "";

	if (time)
		timestamp_text(time, text);
	text_property(table, name, text);
}

static void node_properties(struct table *table, const Waymark__V1__NodeInfo *node)
{
	text_property(table, "NODE", node->name);
	text_property(table, "VERSION", node->version);
	text_property(table, "KERNEL", node->kernel);
	time_property(table, "STARTED", node->start_time);
	time_property(table, "COUNTED SINCE", node->counters_since);
	text_property(table, "REGISTRY", node->registry_modified);
}

static void caller_properties(struct table *table, const Waymark__V1__Caller *caller)
{
	text_property(table, "CALLER", caller->identity);
	text_property(table, "ROLE", enum_text(&waymark__v1__role__descriptor, caller->role));
	text_property(table, "OWNER", caller->owner);
	table_cell(table, "OWN MARKS");
	table_cell(table, "%" PRIu64, caller->mark_count);
}

static void marked_properties(struct table *table, const Waymark__V1__StatsResponse *stats)
{
	if (stats->marked) {
		table_cell(table, "MARKED");
		table_cell(table, "%" PRIu64 " packets, %" PRIu64 " bytes",
			   stats->marked->packets, stats->marked->bytes);
	}
	table_cell(table, "AUDIT REPAIRS");
	table_cell(table, "%" PRIu64, stats->audit_repairs);
}

static void certificate_properties(struct table *table,
				   const Waymark__V1__Certificate *certificate)
{
	time_property(table, "CERTIFICATE UNTIL", certificate->expire_time);
	if (certificate->outdated)
		text_property(table, "", "its files hold another one, that cannot be used");
}

static void print_properties(FILE *out, const Waymark__V1__StatsResponse *stats)
{
	static const struct column columns[] = {{NULL, false}, {NULL, false}};
	struct table table;

	table_init(&table, out, columns, 2);
	if (stats->node)
		node_properties(&table, stats->node);
	if (stats->caller)
		caller_properties(&table, stats->caller);
	if (stats->header) {
		table_cell(&table, "REVISION");
		table_cell(&table, "%" PRIu64, stats->header->revision);
	}
	marked_properties(&table, stats);
	if (stats->certificate)
		certificate_properties(&table, stats->certificate);
	table_flush(&table);
	table_done(&table);
}

static void print_tables(FILE *out, const Waymark__V1__StatsResponse *stats)
{
	static const struct column columns[] = {
		{"TABLE", false}, {"USED", true}, {"CAPACITY", true}};
	struct table table;

	table_init(&table, out, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < stats->n_tables; i++) {
		const Waymark__V1__TableStats *row = stats->tables[i];

		table_cell(&table, "%s", enum_text(&waymark__v1__kind__descriptor, row->kind));
		table_cell(&table, "%" PRIu64, row->used);
		table_cell(&table, "%" PRIu64, row->capacity);
	}
	table_flush(&table);
	table_done(&table);
}

/* "NO_MATCH 12, NOT_IPV6 3" */
static void skipped_cell(struct table *table, const Waymark__V1__InterfaceStats *interface)
{
	cleanup(free_bytes) char *text = NULL;
	size_t size;
	FILE *out = must(open_memstream(&text, &size));

	for (size_t i = 0; i < interface->n_skipped; i++)
		(void)fprintf(out, "%s%s %" PRIu64, i ? ", " : "",
			      enum_text(&waymark__v1__skip_reason__descriptor,
					interface->skipped[i]->reason),
			      interface->skipped[i]->packets);
	(void)fclose(out);
	table_cell(table, "%s", (const char *)must(text));
}

static void interface_cells(struct table *table, const Waymark__V1__InterfaceStats *interface)
{
	const Waymark__V1__Counters none = WAYMARK__V1__COUNTERS__INIT;
	const Waymark__V1__Counters *marked = interface->marked ? interface->marked : &none;

	table_cell(table, "%s", interface->name);
	table_cell(table, "%u", interface->ifindex);
	table_cell(table, "%s",
		   enum_text(&waymark__v1__attach_mode__descriptor, interface->attach_mode));
	table_cell(table, "%" PRIu64, interface->packets_seen);
	table_cell(table, "%" PRIu64, marked->packets);
	table_cell(table, "%" PRIu64, marked->bytes);
	skipped_cell(table, interface);
	table_cell(table, "%s", interface->error);
}

static void print_interfaces(FILE *out, const Waymark__V1__StatsResponse *stats)
{
	static const struct column columns[] = {
		{"INTERFACE", false}, {"INDEX", true}, {"MODE", false},	      {"SEEN", true},
		{"MARKED", true},     {"BYTES", true}, {"LEFT ALONE", false}, {"ERROR", false}};
	struct table table;

	table_init(&table, out, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < stats->n_interfaces; i++)
		interface_cells(&table, stats->interfaces[i]);
	table_flush(&table);
	table_done(&table);
}

static void traffic_cells(struct table *table, const Waymark__V1__Counters *counters)
{
	table_cell(table, "%" PRIu64, counters ? counters->packets : 0);
	table_cell(table, "%" PRIu64, counters ? counters->bytes : 0);
}

static void print_scitags(FILE *out, const Waymark__V1__StatsResponse *stats)
{
	static const struct column columns[] = {{"SCITAG", false},
						{"SENT", true},
						{"BYTES", true},
						{"OBSERVED", true},
						{"BYTES", true}};
	struct table table;

	table_init(&table, out, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < stats->n_scitags; i++) {
		const Waymark__V1__ScitagStats *row = stats->scitags[i];

		if (row->scitag && row->scitag->experiment_id)
			scitag_cell(&table, row->scitag);
		else
			table_cell(&table, "other");
		traffic_cells(&table, row->sent);
		traffic_cells(&table, row->observed);
	}
	table_flush(&table);
	table_done(&table);
}

static void print_stats(FILE *out, const Waymark__V1__StatsResponse *stats)
{
	print_properties(out, stats);
	(void)fputc('\n', out);
	print_tables(out, stats);
	(void)fputc('\n', out);
	print_scitags(out, stats);
	(void)fputc('\n', out);
	print_interfaces(out, stats);
}

int stats_fetch(struct cli *cli, Waymark__V1__StatsResponse **ret)
{
	cleanup(close_client) struct waymark_client *client = NULL;
	const Waymark__V1__StatsRequest request = WAYMARK__V1__STATS_REQUEST__INIT;
	struct waymark_error error;
	int code = cli_connect(cli, &client);

	if (code)
		return code;
	return waymark_stats(client, &request, ret, &error) ? cli_error(cli, &error) : 0;
}

static int stats_main(struct cli *cli, const char **arguments, void *values)
{
	cleanup(free_message) Waymark__V1__StatsResponse *stats = NULL;
	int code = stats_fetch(cli, &stats);

	(void)arguments;
	(void)values;
	if (code)
		return code;
	if (cli->output != OUTPUT_TABLE) {
		cli_print_json(cli, json_message(&stats->base));
		return EXIT_OK;
	}
	print_stats(cli->out, stats);
	return EXIT_OK;
}

const struct command stats_command = {
	.name = "stats",
	.arguments = "",
	.summary = "Show the agent, its interfaces and what was marked, by SciTag",
	.main = stats_main,
};
