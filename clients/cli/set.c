/* SPDX-License-Identifier: Apache-2.0 */
#include "commands.h"

#include <time.h>

#include "clients/cleanup.h"
#include "exit_code.h"
#include "json.h"
#include "mark_text.h"
#include "match_option.h"

struct set_values {
	struct match_values match;
	struct value_scitag scitag;
	struct value_number label;
	struct value_number dscp;
	struct value_duration ttl;
	const char *cookie; /* NULL: none */
	const char *owner; /* NULL: the caller's own */
};

static const struct option set_options[] = {
	MATCH_OPTIONS(struct set_values),
	{"--scitag", 0, "EXP[/ACT]", NULL, "experiment and activity, each by id or name",
	 read_scitag, offsetof(struct set_values, scitag)},
	{"--label", 0, "N", NULL, "raw flow label, all 20 bits; 0x for hexadecimal", read_label,
	 offsetof(struct set_values, label)},
	{"--dscp", 0, "N", NULL, "code point, 0..63", read_dscp,
	 offsetof(struct set_values, dscp)},
	{"--ttl", 0, "TIME", NULL,
	 "how long, as in 90s, 1d12h or PT1H30M; default until cleared", read_ttl,
	 offsetof(struct set_values, ttl)},
	{"--cookie", 0, "TEXT", NULL, "note for readers, at most 128 octets", read_text,
	 offsetof(struct set_values, cookie)},
	{"--owner", 0, "WHO", NULL, "whose mark it is; default your own, admins only",
	 read_text, offsetof(struct set_values, owner)},
	{0},
};

static void set_print(struct cli *cli, const Waymark__V1__SetMarkResponse *response)
{
	static const struct column columns[] = {
		{"OUTCOME", false}, MARK_COLUMNS, MARK_EXPIRY, MARK_NOTES};
	const Waymark__V1__Mark *mark = mark_or_empty(response->mark);
	struct table table;

	for (size_t i = 0; i < response->n_warnings; i++)
		cli_warn(cli, response->warnings[i]);
	if (cli->output != OUTPUT_TABLE) {
		cli_print_json(cli, json_message(&response->base));
		return;
	}
	table_init(&table, cli->out, columns, sizeof(columns) / sizeof(columns[0]));
	table_cell(&table, "%s",
		   enum_text(&waymark__v1__outcome__descriptor, response->outcome));
	mark_cells(&table, mark);
	mark_expiry_cell(&table, mark, time(NULL));
	mark_note_cells(&table, mark);
	table_flush(&table);
	table_done(&table);
}

static int set_send(struct cli *cli, const Waymark__V1__SetMarkRequest *request)
{
	cleanup(close_client) struct waymark_client *client = NULL;
	cleanup(free_message) Waymark__V1__SetMarkResponse *response = NULL;
	struct waymark_error error;
	int code = cli_connect(cli, &client);

	if (code)
		return code;
	if (waymark_set_mark(client, request, &response, &error))
		return cli_error(cli, &error);
	set_print(cli, response);
	return EXIT_OK;
}

static int set_main(struct cli *cli, const char **arguments, void *pointer)
{
	const struct set_values *values = pointer;
	Waymark__V1__Match match = match_message(arguments[0], &values->match);
	Waymark__V1__Scitag scitag = scitag_message(&values->scitag);
	Google__Protobuf__Duration ttl = GOOGLE__PROTOBUF__DURATION__INIT;
	Waymark__V1__Mark mark = WAYMARK__V1__MARK__INIT;
	Waymark__V1__WriteOptions options = WAYMARK__V1__WRITE_OPTIONS__INIT;
	Waymark__V1__SetMarkRequest request = WAYMARK__V1__SET_MARK_REQUEST__INIT;

	if (values->scitag.given && values->label.given)
		return cli_usage(cli, "set: --scitag and --label exclude each other");
	mark.match = &match;
	if (values->scitag.given) {
		mark.label_case = WAYMARK__V1__MARK__LABEL_SCITAG;
		mark.scitag = &scitag;
	} else if (values->label.given) {
		mark.label_case = WAYMARK__V1__MARK__LABEL_FLOW_LABEL;
		mark.flow_label = values->label.number;
	}
	if (values->dscp.given) {
		mark.dscp_choice_case = WAYMARK__V1__MARK__DSCP_CHOICE_DSCP;
		mark.dscp = values->dscp.number;
	}
	if (values->ttl.given) {
		ttl.seconds = values->ttl.seconds;
		mark.lifetime_case = WAYMARK__V1__MARK__LIFETIME_TTL;
		mark.ttl = &ttl;
	}
	if (values->cookie)
		mark.cookie = (char *)values->cookie;
	request.mark = &mark;
	if (values->owner) {
		options.owner = (char *)values->owner;
		request.options = &options;
	}
	return set_send(cli, &request);
}

const struct command set_command = {
	.name = "set",
	.arguments = "DESTINATION",
	.arguments_min = 1,
	.arguments_max = 1,
	.summary = "Create a mark, or replace the one with this match",
	.details = MATCH_DETAILS
	"\nAt least one of --scitag, --label and --dscp says what is written. --scitag\n"
	"takes 3/14, cms/14, cms/\"Analysis Input\" or the protocol value 206; an\n"
	"experiment alone means an unknown activity. Repeating a command with the same\n"
	"--ttl renews the mark's lifetime.\n",
	.options = set_options,
	.values_size = sizeof(struct set_values),
	.main = set_main,
};
