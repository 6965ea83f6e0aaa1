/* SPDX-License-Identifier: Apache-2.0 */
#include "commands.h"

#include <time.h>

#include "clients/cleanup.h"
#include "exit_code.h"
#include "filter_option.h"
#include "json.h"
#include "mark_text.h"

struct list_values {
	struct filter_values filter;
	struct value_scitag scitag;
	struct value_number label;
	const char *cookie; /* NULL: all */
	uint64_t lease; /* 0: all */
	bool counters;
	uint32_t page_size; /* 0: the agent's choice */
};

static const struct option list_options[] = {
	FILTER_OPTIONS(struct list_values),
	{"--scitag", 0, "EXP[/ACT]", NULL, "exactly this SciTag", read_scitag,
	 offsetof(struct list_values, scitag)},
	{"--label", 0, "N", NULL, "exactly this raw flow label", read_label,
	 offsetof(struct list_values, label)},
	{"--cookie", 0, "TEXT", NULL, "exactly this cookie", read_text,
	 offsetof(struct list_values, cookie)},
	{"--lease", 0, "ID", NULL, "marks of this lease", read_u64,
	 offsetof(struct list_values, lease)},
	{"--counters", 0, NULL, NULL, "with counters, which tables always have", read_flag,
	 offsetof(struct list_values, counters)},
	{"--page-size", 0, "N", NULL, "marks in one answer of the agent at most", read_count,
	 offsetof(struct list_values, page_size)},
	{0},
};

/* The listing on its way out, page by page. */
struct listing {
	struct cli *cli;
	struct table table; /* table */
	json_t *merged; /* json: the first answer, with the marks of all; NULL before it */
};

static void listing_init(struct listing *listing, struct cli *cli)
{
	static const struct column columns[] = {MARK_COLUMNS, MARK_EXPIRY, MARK_COUNTERS,
						MARK_NOTES};

	*listing = (struct listing){.cli = cli};
	table_init(&listing->table, cli->out, columns, sizeof(columns) / sizeof(columns[0]));
}

static void listing_done(struct listing *listing)
{
	table_done(&listing->table);
	json_decref(listing->merged);
}

static void listing_merge(struct listing *listing, const Waymark__V1__ListMarksResponse *page)
{
	json_t *object = json_message(&page->base);
	json_t *marks = json_object_get(object, "marks");

	if (!listing->merged) {
		if (!marks)
			(void)json_object_set_new(object, "marks", json_array());
		(void)json_object_del(object, "nextPageToken");
		listing->merged = object;
		return;
	}
	if (marks)
		(void)json_array_extend(json_object_get(listing->merged, "marks"), marks);
	json_decref(object);
}

static void listing_add(struct listing *listing, const Waymark__V1__ListMarksResponse *page)
{
	struct cli *cli = listing->cli;

	if (cli->output == OUTPUT_JSON) {
		listing_merge(listing, page);
		return;
	}
	for (size_t i = 0; i < page->n_marks; i++) {
		if (cli->output == OUTPUT_JSONL) {
			cli_print_json(cli, json_message(&page->marks[i]->base));
			continue;
		}
		mark_cells(&listing->table, page->marks[i]);
		mark_expiry_cell(&listing->table, page->marks[i], time(NULL));
		mark_counter_cells(&listing->table, page->marks[i]);
		mark_note_cells(&listing->table, page->marks[i]);
	}
	if (cli->output == OUTPUT_TABLE)
		table_flush(&listing->table);
}

static void listing_end(struct listing *listing)
{
	if (listing->merged)
		cli_print_json(listing->cli, json_incref(listing->merged));
}

/* Follows the pages to the last one. */
static int list_follow(struct cli *cli, struct waymark_client *client,
		       Waymark__V1__ListMarksRequest *request, struct listing *listing)
{
	cleanup(free_message) Waymark__V1__ListMarksResponse *page = NULL;
	struct waymark_error error;

	do {
		Waymark__V1__ListMarksResponse *next;

		request->page_token = page ? page->next_page_token : request->page_token;
		if (waymark_list_marks(client, request, &next, &error))
			return cli_error(cli, &error);
		listing_add(listing, next);
		free_message(&page);
		page = next;
	} while (cli_flush(cli) && *page->next_page_token);
	listing_end(listing);
	return EXIT_OK;
}

static int list_send(struct cli *cli, Waymark__V1__ListMarksRequest *request)
{
	cleanup(close_client) struct waymark_client *client = NULL;
	cleanup(listing_done) struct listing listing;
	int code;

	listing_init(&listing, cli);
	code = cli_connect(cli, &client);
	return code ? code : list_follow(cli, client, request, &listing);
}

static int list_main(struct cli *cli, const char **arguments, void *pointer)
{
	struct list_values *values = pointer;
	Waymark__V1__Scitag scitag = scitag_message(&values->scitag);
	Waymark__V1__MarkFilter filter = filter_message(&values->filter);
	Waymark__V1__ListMarksRequest request = WAYMARK__V1__LIST_MARKS_REQUEST__INIT;

	(void)arguments;
	if (values->scitag.given && values->label.given)
		return cli_usage(cli, "list: --scitag and --label exclude each other");
	if (values->scitag.given) {
		request.label_case = WAYMARK__V1__LIST_MARKS_REQUEST__LABEL_SCITAG;
		request.scitag = &scitag;
	} else if (values->label.given) {
		request.label_case = WAYMARK__V1__LIST_MARKS_REQUEST__LABEL_FLOW_LABEL;
		request.flow_label = values->label.number;
	}
	request.filter = &filter;
	if (values->cookie)
		request.cookie = (char *)values->cookie;
	request.lease_id = values->lease;
	request.with_counters = values->counters || cli->output == OUTPUT_TABLE;
	request.page_size = values->page_size;
	return list_send(cli, &request);
}

const struct command list_command = {
	.name = "list",
	.arguments = "",
	.summary = "Show marks, in the order of their last changes",
	.details = "Options narrow the list down; a mark must fit all of them. A mark that\n"
		   "changes meanwhile may be shown again.\n",
	.options = list_options,
	.values_size = sizeof(struct list_values),
	.main = list_main,
};
