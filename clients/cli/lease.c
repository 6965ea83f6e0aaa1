/* SPDX-License-Identifier: Apache-2.0 */
#include "commands.h"

#include <inttypes.h>
#include <time.h>

#include "clients/cleanup.h"
#include "exit_code.h"
#include "json.h"
#include "mark_text.h"
#include "time_text.h"
#include "write_option.h"

struct lease_values {
	struct write_values write;
};

static const struct option write_rows[] = {WRITE_OPTIONS(struct lease_values), {0}};

static const struct column lease_columns[] = {
	{"LEASE", true}, {"TTL", true}, {"EXPIRES", true}, {"MARKS", true}, {"OWNER", false}};

#define LEASE_COLUMNS (sizeof(lease_columns) / sizeof(lease_columns[0]))

static void lease_cells(struct table *table, const Waymark__V1__Lease *lease)
{
	char ttl[TIME_TEXT_MAX] = "";
	char left[TIME_TEXT_MAX] = "";

	if (lease->ttl)
		duration_text(lease->ttl, ttl);
	if (lease->expire_time)
		time_left_text(lease->expire_time->seconds - time(NULL), left);
	table_cell(table, "%" PRIu64, lease->lease_id);
	table_cell(table, "%s", ttl);
	table_cell(table, "%s", left);
	table_cell(table, "%" PRIu64, lease->mark_count);
	table_cell(table, "%s", lease->owner);
}

static int print_lease(struct cli *cli, const ProtobufCMessage *response,
		       const Waymark__V1__Lease *lease)
{
	struct table table;

	if (cli->output != OUTPUT_TABLE) {
		cli_print_json(cli, json_message(response));
		return EXIT_OK;
	}
	table_init(&table, cli->out, lease_columns, LEASE_COLUMNS);
	if (lease)
		lease_cells(&table, lease);
	table_flush(&table);
	table_done(&table);
	return EXIT_OK;
}

static int grant_main(struct cli *cli, const char **arguments, void *pointer)
{
	const struct lease_values *values = pointer;
	cleanup(close_client) struct waymark_client *client = NULL;
	cleanup(free_message) Waymark__V1__GrantLeaseResponse *response = NULL;
	Waymark__V1__GrantLeaseRequest request = WAYMARK__V1__GRANT_LEASE_REQUEST__INIT;
	Google__Protobuf__Duration ttl = GOOGLE__PROTOBUF__DURATION__INIT;
	Waymark__V1__WriteOptions options;
	struct value_duration length;
	struct waymark_error error;
	char reason[REASON_MAX];
	int code;

	if (!read_ttl(arguments[0], &length, reason))
		return cli_usage(cli, "lease grant: TTL '%s': %s", arguments[0], reason);
	ttl.seconds = length.seconds;
	request.ttl = &ttl;
	request.options = write_options(cli, &values->write, &options);
	code = cli_connect(cli, &client);
	if (code)
		return code;
	if (waymark_grant_lease(client, &request, &response, &error))
		return cli_error(cli, &error);
	return print_lease(cli, &response->base, response->lease);
}

/* 0, or the exit code after printing what is wrong with it. */
static int read_lease_id(struct cli *cli, const char *command, const char *text, uint64_t *ret)
{
	char reason[REASON_MAX];

	if (read_u64(text, ret, reason))
		return EXIT_OK;
	return cli_usage(cli, "%s: ID '%s': %s", command, text, reason);
}

static int renew_main(struct cli *cli, const char **arguments, void *pointer)
{
	const struct lease_values *values = pointer;
	cleanup(close_client) struct waymark_client *client = NULL;
	cleanup(free_message) Waymark__V1__RenewLeaseResponse *response = NULL;
	Waymark__V1__RenewLeaseRequest request = WAYMARK__V1__RENEW_LEASE_REQUEST__INIT;
	Waymark__V1__WriteOptions options;
	struct waymark_error error;
	int code = read_lease_id(cli, "lease renew", arguments[0], &request.lease_id);

	request.options = write_options(cli, &values->write, &options);
	if (!code)
		code = cli_connect(cli, &client);
	if (code)
		return code;
	if (waymark_renew_lease(client, &request, &response, &error))
		return cli_error(cli, &error);
	return print_lease(cli, &response->base, response->lease);
}

static int print_revoked(struct cli *cli, const Waymark__V1__RevokeLeaseResponse *response)
{
	static const struct column columns[] = {{"OUTCOME", false}, {"MARKS REMOVED", true}};
	struct table table;

	if (cli->output != OUTPUT_TABLE) {
		cli_print_json(cli, json_message(&response->base));
		return EXIT_OK;
	}
	table_init(&table, cli->out, columns, sizeof(columns) / sizeof(columns[0]));
	table_cell(&table, "%s",
		   enum_text(&waymark__v1__outcome__descriptor, response->outcome));
	table_cell(&table, "%" PRIu64, response->removed);
	table_flush(&table);
	table_done(&table);
	return EXIT_OK;
}

static int revoke_main(struct cli *cli, const char **arguments, void *pointer)
{
	const struct lease_values *values = pointer;
	cleanup(close_client) struct waymark_client *client = NULL;
	cleanup(free_message) Waymark__V1__RevokeLeaseResponse *response = NULL;
	Waymark__V1__RevokeLeaseRequest request = WAYMARK__V1__REVOKE_LEASE_REQUEST__INIT;
	Waymark__V1__WriteOptions options;
	struct waymark_error error;
	int code = read_lease_id(cli, "lease revoke", arguments[0], &request.lease_id);

	request.options = write_options(cli, &values->write, &options);
	if (!code)
		code = cli_connect(cli, &client);
	if (code)
		return code;
	if (waymark_revoke_lease(client, &request, &response, &error))
		return cli_error(cli, &error);
	return print_revoked(cli, response);
}

static const struct command grant_command = {
	.name = "lease grant",
	.arguments = "TTL",
	.arguments_min = 1,
	.arguments_max = 1,
	.summary = "Make a lease that ends after TTL unless it is renewed",
	.details = "TTL is a length of time such as 90s, 1d12h or PT1H30M.\n",
	.options = write_rows,
	.values_size = sizeof(struct lease_values),
	.main = grant_main,
};

static const struct command renew_command = {
	.name = "lease renew",
	.arguments = "ID",
	.arguments_min = 1,
	.arguments_max = 1,
	.summary = "Move its end to its TTL from now",
	.options = write_rows,
	.values_size = sizeof(struct lease_values),
	.main = renew_main,
};

static const struct command revoke_command = {
	.name = "lease revoke",
	.arguments = "ID",
	.arguments_min = 1,
	.arguments_max = 1,
	.summary = "End it now, and remove its marks",
	.details = "Revoking what is absent says so and is a success.\n",
	.options = write_rows,
	.values_size = sizeof(struct lease_values),
	.main = revoke_main,
};

/* ---- list ---- */

struct lease_list_values {
	const char *owner; /* NULL: all */
	uint32_t page_size; /* 0: the agent's choice */
};

static const struct option list_rows[] = {
	{"--owner", 0, "WHO", NULL, "leases of exactly this owner", read_text,
	 offsetof(struct lease_list_values, owner)},
	{"--page-size", 0, "N", NULL, "leases in one answer of the agent at most", read_count,
	 offsetof(struct lease_list_values, page_size)},
	{0},
};

/* Prints a page, or adds it to `list` where that is not NULL. */
static void add_page(struct cli *cli, struct table *table, json_t *list,
		     const Waymark__V1__ListLeasesResponse *page)
{
	for (size_t i = 0; i < page->n_leases; i++) {
		if (list)
			(void)json_array_append_new(list, json_message(&page->leases[i]->base));
		else if (cli->output == OUTPUT_JSONL)
			cli_print_json(cli, json_message(&page->leases[i]->base));
		else
			lease_cells(table, page->leases[i]);
	}
	if (cli->output == OUTPUT_TABLE)
		table_flush(table);
}

static int list_follow(struct cli *cli, struct waymark_client *client,
		       Waymark__V1__ListLeasesRequest *request, struct table *table,
		       json_t *list)
{
	cleanup(free_message) Waymark__V1__ListLeasesResponse *page = NULL;
	struct waymark_error error;

	do {
		Waymark__V1__ListLeasesResponse *next;

		request->page_token = page ? page->next_page_token : request->page_token;
		if (waymark_list_leases(client, request, &next, &error))
			return cli_error(cli, &error);
		add_page(cli, table, list, next);
		free_message(&page);
		page = next;
	} while (cli_flush(cli) && *page->next_page_token);
	return EXIT_OK;
}

static int lease_list_main(struct cli *cli, const char **arguments, void *pointer)
{
	const struct lease_list_values *values = pointer;
	cleanup(close_client) struct waymark_client *client = NULL;
	Waymark__V1__ListLeasesRequest request = WAYMARK__V1__LIST_LEASES_REQUEST__INIT;
	json_t *list = cli->output == OUTPUT_JSON ? json_array() : NULL;
	struct table table;
	int code = cli_connect(cli, &client);

	(void)arguments;
	if (values->owner)
		request.owner = (char *)values->owner;
	request.page_size = values->page_size;
	table_init(&table, cli->out, lease_columns, LEASE_COLUMNS);
	if (!code)
		code = list_follow(cli, client, &request, &table, list);
	if (!code && list)
		cli_print_json(cli, json_pack("{s:O}", "leases", list));
	json_decref(list);
	table_done(&table);
	return code;
}

static const struct command list_leases_command = {
	.name = "lease list",
	.arguments = "",
	.summary = "Show leases, in the order of their ids",
	.options = list_rows,
	.values_size = sizeof(struct lease_list_values),
	.main = lease_list_main,
};

static const struct command *const members[] = {
	&grant_command, &renew_command, &revoke_command, &list_leases_command, NULL,
};

const struct command lease_command = {
	.name = "lease",
	.arguments = "",
	.summary = "Grant, renew, revoke and show leases: one end for many marks",
	.details = "Marks join a lease with 'waymark set --lease ID' and go when it ends.\n",
	.members = members,
};
