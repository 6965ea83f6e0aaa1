/* SPDX-License-Identifier: Apache-2.0 */
#include "update_report.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "exit_code.h"
#include "json.h"
#include "text.h"

static const char *const names[OUTCOMES] = {
	[WAYMARK__V1__OUTCOME__OUTCOME_CREATED] = "created",
	[WAYMARK__V1__OUTCOME__OUTCOME_UPDATED] = "updated",
	[WAYMARK__V1__OUTCOME__OUTCOME_UNCHANGED] = "unchanged",
	[WAYMARK__V1__OUTCOME__OUTCOME_REMOVED] = "removed",
	[WAYMARK__V1__OUTCOME__OUTCOME_ABSENT] = "absent",
};

void update_report_init(struct update_report *report, struct cli *cli,
			const struct update_list *list, bool dry_run)
{
	*report = (struct update_report){.cli = cli, .list = list, .dry_run = dry_run};
	if (cli->output == OUTPUT_JSON)
		report->results = must(json_array());
}

static size_t line_of(const struct update_report *report, size_t index)
{
	return index < report->list->count ? report->list->lines[index] : 0;
}

static void report_failure(struct update_report *report, size_t index,
			   const Waymark__V1__UpdateError *failure)
{
	struct waymark_error error = {.code = failure->code};
	int code;

	(void)snprintf(error.message, sizeof(error.message), "%s:%zu: %s", report->list->name,
		       line_of(report, index), failure->message);
	(void)snprintf(error.field, sizeof(error.field), "%s", failure->field);
	(void)snprintf(error.reason, sizeof(error.reason), "%s", failure->reason);
	code = cli_error(report->cli, &error);
	report->code = report->code ? report->code : code;
	report->failed++;
}

/* The result as the agent says it, with the line instead of the place in a call. */
static void report_json(struct update_report *report, size_t index,
			const Waymark__V1__UpdateResult *result)
{
	json_t *object = json_message(&result->base);

	(void)json_object_del(object, "index");
	(void)json_object_set_new(object, "line",
				  json_integer((json_int_t)line_of(report, index)));
	if (report->results)
		(void)json_array_append_new(report->results, object);
	else
		cli_print_json(report->cli, object);
}

void update_report_add(struct update_report *report, size_t first,
		       const Waymark__V1__UpdateResult *result)
{
	size_t index = first + result->index;

	if (report->cli->output != OUTPUT_TABLE)
		report_json(report, index, result);
	if (result->error) {
		report_failure(report, index, result->error);
		return;
	}
	if (result->outcome < OUTCOMES)
		report->outcomes[result->outcome]++;
}

int update_report_error(struct update_report *report, size_t first,
			const struct waymark_error *error)
{
	struct waymark_error placed = *error;
	const char *bracket = strchr(error->field, '[');
	const char *end = bracket ? strchr(bracket, ']') : NULL;
	uint64_t index = 0;
	/* Where in a chunk is nobody's business but the library's, which made the chunks. */
	const bool in_chunk = strncmp(error->field, "chunk.", strlen("chunk.")) == 0;

	if (!in_chunk && end && end > bracket + 1 && isdigit(bracket[1])) {
		index = first + strtoull(bracket + 1, NULL, 10);
		(void)snprintf(placed.message, sizeof(placed.message), "%s:%zu: %.900s",
			       report->list->name, line_of(report, index), error->message);
		(void)snprintf(placed.field, sizeof(placed.field), "%s",
			       end + (end[1] == '.' ? 2 : 1));
	}
	return cli_error(report->cli, &placed);
}

static json_t *summary_json(const struct update_report *report, bool by_outcome)
{
	json_t *summary = must(json_object());

	for (size_t i = 1; by_outcome && i < OUTCOMES; i++)
		(void)json_object_set_new(summary, names[i],
					  json_integer((json_int_t)report->outcomes[i]));
	if (!by_outcome)
		(void)json_object_set_new(summary, "done",
					  json_integer((json_int_t)report->done));
	(void)json_object_set_new(summary, "failed", json_integer((json_int_t)report->failed));
	(void)json_object_set_new(summary, "dryRun", json_boolean(report->dry_run));
	return summary;
}

static void print_summary(const struct update_report *report, bool by_outcome)
{
	FILE *out = report->cli->out;

	(void)fputs(report->dry_run ? "would be: " : "", out);
	for (size_t i = 1; by_outcome && i < OUTCOMES; i++)
		(void)fprintf(out, "%" PRIu64 " %s, ", report->outcomes[i], names[i]);
	if (!by_outcome)
		(void)fprintf(out, "%" PRIu64 " done, ", report->done);
	(void)fprintf(out, "%" PRIu64 " failed\n", report->failed);
}

int update_report_end(struct update_report *report, bool by_outcome)
{
	struct cli *cli = report->cli;

	if (cli->output == OUTPUT_TABLE)
		print_summary(report, by_outcome);
	else if (cli->output == OUTPUT_JSON)
		cli_print_json(cli, must(json_pack("{s:o, s:O}", "summary",
						   summary_json(report, by_outcome), "results",
						   report->results)));
	else
		cli_print_json(cli, must(json_pack("{s:o}", "summary",
						   summary_json(report, by_outcome))));
	json_decref(report->results);
	return report->code;
}
