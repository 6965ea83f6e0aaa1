/* SPDX-License-Identifier: Apache-2.0 */
#include "commands.h"

#include <time.h>

#include "clients/cleanup.h"
#include "exit_code.h"
#include "json.h"
#include "mark_text.h"
#include "match_option.h"
#include "write_option.h"

struct set_values {
	struct match_values match;
	struct value_scitag scitag;
	struct value_number label;
	struct value_number dscp;
	struct value_duration ttl;
	const char *cookie; /* NULL: none */
	struct write_values write;
	uint64_t lease; /* 0: none */
	uint64_t if_revision; /* 0: no condition */
	bool must_not_exist;
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
	{"--lease", 0, "ID", NULL, "until this lease ends, see 'waymark help lease'", read_u64,
	 offsetof(struct set_values, lease)},
	{"--if-revision", 0, "N", NULL, "only if the mark is there and has this revision",
	 read_u64, offsetof(struct set_values, if_revision)},
	{"--must-not-exist", 0, NULL, NULL, "only if there is no mark with this match",
	 read_flag, offsetof(struct set_values, must_not_exist)},
	WRITE_OPTIONS(struct set_values),
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

/* What the options say of one mark, as a message with all that it points to. */
struct set_message {
	Waymark__V1__Match match;
	Waymark__V1__Scitag scitag;
	Google__Protobuf__Duration ttl;
	Waymark__V1__Mark mark;
};

static void set_action(struct set_message *message, const struct set_values *values)
{
	Waymark__V1__Mark *mark = &message->mark;

	if (values->scitag.given) {
		message->scitag = scitag_message(&values->scitag);
		mark->label_case = WAYMARK__V1__MARK__LABEL_SCITAG;
		mark->scitag = &message->scitag;
	} else if (values->label.given) {
		mark->label_case = WAYMARK__V1__MARK__LABEL_FLOW_LABEL;
		mark->flow_label = values->label.number;
	}
	if (values->dscp.given) {
		mark->dscp_choice_case = WAYMARK__V1__MARK__DSCP_CHOICE_DSCP;
		mark->dscp = values->dscp.number;
	}
}

static void set_lifetime(struct set_message *message, const struct set_values *values)
{
	Waymark__V1__Mark *mark = &message->mark;

	if (values->lease) {
		mark->lifetime_case = WAYMARK__V1__MARK__LIFETIME_LEASE_ID;
		mark->lease_id = values->lease;
	} else if (values->ttl.given) {
		google__protobuf__duration__init(&message->ttl);
		message->ttl.seconds = values->ttl.seconds;
		mark->lifetime_case = WAYMARK__V1__MARK__LIFETIME_TTL;
		mark->ttl = &message->ttl;
	}
}

/* *message does not move: it points into itself. */
static void set_message_init(struct set_message *message, const char *destination,
			     const struct set_values *values)
{
	message->match = match_message(destination, &values->match);
	waymark__v1__mark__init(&message->mark);
	message->mark.match = &message->match;
	set_action(message, values);
	set_lifetime(message, values);
	if (values->cookie)
		message->mark.cookie = (char *)values->cookie;
}

static int set_main(struct cli *cli, const char **arguments, void *pointer)
{
	const struct set_values *values = pointer;
	struct set_message message;
	Waymark__V1__Precondition precondition = WAYMARK__V1__PRECONDITION__INIT;
	Waymark__V1__WriteOptions options;
	Waymark__V1__SetMarkRequest request = WAYMARK__V1__SET_MARK_REQUEST__INIT;

	if (values->scitag.given && values->label.given)
		return cli_usage(cli, "set: --scitag and --label exclude each other");
	if (values->ttl.given && values->lease)
		return cli_usage(cli, "set: --ttl and --lease exclude each other");
	if (values->if_revision && values->must_not_exist)
		return cli_usage(cli,
				 "set: --if-revision and --must-not-exist exclude each other");
	set_message_init(&message, arguments[0], values);
	request.mark = &message.mark;
	if (values->if_revision || values->must_not_exist) {
		precondition.if_revision = values->if_revision;
		precondition.must_not_exist = values->must_not_exist;
		request.precondition = &precondition;
	}
	request.options = write_options(cli, &values->write, &options);
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
