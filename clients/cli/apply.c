/* SPDX-License-Identifier: Apache-2.0 */
#include "commands.h"

#include "clients/cleanup.h"
#include "exit_code.h"
#include "text.h"
#include "update_list.h"
#include "update_report.h"
#include "write_option.h"

/* Should an agent say nothing of its limits. */
#define UPDATES_MAX 10000
#define REQUEST_MAX (4u << 20)
/* Of a request, for all but the updates; owners are the largest of it. */
#define REQUEST_FRAME 4096
/* Of an update, beside itself: a tag and a length. */
#define UPDATE_FRAME 6

struct apply_values {
	struct write_values write;
	bool all_or_nothing;
	bool only_failures;
};

static const struct option apply_options[] = {
	{"--all-or-nothing", 0, NULL, NULL, "if one fails, none is carried out", read_flag,
	 offsetof(struct apply_values, all_or_nothing)},
	{"--only-failures", 0, NULL, NULL, "results of failed updates only", read_flag,
	 offsetof(struct apply_values, only_failures)},
	WRITE_OPTIONS(struct apply_values),
	{0},
};

/* One file on its way to the agent. */
struct apply {
	struct cli *cli;
	const struct apply_values *values;
	struct update_list list;
	struct waymark_client *client;
	size_t updates_max, bytes_max; /* of one call */
	struct update_report report;
};

static void apply_done(struct apply *apply)
{
	update_list_done(&apply->list);
	waymark_close(apply->client);
}

/* 0, or an exit code. */
static int ask_limits(struct apply *apply)
{
	cleanup(free_message) Waymark__V1__StatsResponse *stats = NULL;
	const Waymark__V1__StatsRequest request = WAYMARK__V1__STATS_REQUEST__INIT;
	struct waymark_error error;

	if (waymark_stats(apply->client, &request, &stats, &error))
		return cli_error(apply->cli, &error);
	apply->updates_max = UPDATES_MAX;
	apply->bytes_max = REQUEST_MAX - REQUEST_FRAME;
	if (stats->limits && stats->limits->max_updates)
		apply->updates_max = stats->limits->max_updates;
	if (stats->limits && stats->limits->max_request_bytes > 2 * REQUEST_FRAME)
		apply->bytes_max = stats->limits->max_request_bytes - REQUEST_FRAME;
	return EXIT_OK;
}

/* How many updates from `first` on fit into one call. */
static size_t batch_count(const struct apply *apply, size_t first)
{
	size_t count = 0;
	size_t bytes = 0;

	while (first + count < apply->list.count && count < apply->updates_max) {
		bytes += update_list_size(&apply->list, first + count) + UPDATE_FRAME;
		/* A single one that is too large is for the agent to refuse. */
		if (count && bytes > apply->bytes_max)
			break;
		count++;
	}
	return count;
}

static int batch_call(struct apply *apply, size_t first,
		      const Waymark__V1__ApplyMarksRequest *request)
{
	cleanup(free_message) Waymark__V1__ApplyMarksResponse *response = NULL;
	struct waymark_error error;

	if (waymark_apply_marks(apply->client, request, &response, &error))
		return update_report_error(&apply->report, first, &error);
	for (size_t i = 0; i < response->n_results; i++)
		update_report_add(&apply->report, first, response->results[i]);
	apply->report.done += request->n_updates - response->failed;
	return EXIT_OK;
}

static int batch_send(struct apply *apply, size_t first, size_t count)
{
	Waymark__V1__ApplyMarksRequest request = WAYMARK__V1__APPLY_MARKS_REQUEST__INIT;
	Waymark__V1__WriteOptions options;
	int code;

	request.updates = must(calloc(count + 1, sizeof(*request.updates)));
	for (; request.n_updates < count; request.n_updates++)
		request.updates[request.n_updates] =
			update_list_get(&apply->list, first + request.n_updates);
	if (apply->values->all_or_nothing)
		request.atomicity = WAYMARK__V1__ATOMICITY__ATOMICITY_ALL_OR_NOTHING;
	request.only_failures = apply->values->only_failures;
	request.options = write_options(apply->cli, &apply->values->write, &options);
	code = batch_call(apply, first, &request);
	for (size_t i = 0; i < count; i++)
		waymark__v1__mark_update__free_unpacked(request.updates[i], NULL);
	free(request.updates);
	return code;
}

/* Batch after batch, at least one: an empty one has its uses, too. */
static int apply_send(struct apply *apply)
{
	size_t first = 0;
	int code;

	if (apply->values->all_or_nothing && batch_count(apply, 0) < apply->list.count)
		return cli_usage(apply->cli,
				 "apply: --all-or-nothing: %s has %zu updates; %zu of them fit "
				 "into one call",
				 apply->list.name, apply->list.count, batch_count(apply, 0));
	update_report_init(&apply->report, apply->cli, &apply->list,
			   apply->values->write.dry_run);
	do {
		size_t count = batch_count(apply, first);

		code = batch_send(apply, first, count);
		first += count;
	} while (!code && first < apply->list.count);
	/* A call that failed as a whole says more than any update before it. */
	if (code)
		apply->report.code = code;
	return update_report_end(&apply->report, !apply->values->only_failures);
}

static int apply_main(struct cli *cli, const char **arguments, void *pointer)
{
	cleanup(apply_done) struct apply apply = {.cli = cli, .values = pointer};
	int code = update_list_read(cli, &apply.list, arguments[0], false);

	if (!code)
		code = cli_connect(cli, &apply.client);
	if (!code)
		code = ask_limits(&apply);
	return code ? code : apply_send(&apply);
}

const struct command apply_command = {
	.name = "apply",
	.arguments = "FILE",
	.arguments_min = 1,
	.arguments_max = 1,
	.summary = "Set and clear the marks that a file says, in its order",
	.details =
		"FILE, or - for standard input, has JSON objects, one a line or in one array:\n"
		"marks as 'waymark list -o jsonl' prints them, {\"set\": MARK} and\n"
		"{\"clear\": MATCH}, these two also with \"precondition\". What only agents "
		"say of\n"
		"a mark is ignored. Nothing is sent unless the whole file is right. More "
		"updates\n"
		"than an agent takes at once go in several calls.\n",
	.options = apply_options,
	.values_size = sizeof(struct apply_values),
	.main = apply_main,
};
