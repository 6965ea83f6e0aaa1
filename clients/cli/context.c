/* SPDX-License-Identifier: Apache-2.0 */
#include "commands.h"

#include <string.h>

#include "exit_code.h"
#include "table.h"
#include "text.h"

static bool is_current(const struct context_file *file, const struct context *context)
{
	return file->current && strcmp(file->current, context->name) == 0;
}

/* The keys as the file has them, and the name. */
static json_t *context_json(const struct context_file *file, const struct context *context)
{
	json_t *object = must(json_pack("{s:s, s:b}", "name", context->name, "current",
					is_current(file, context)));

	for (const struct option *key = context_keys; key->name; key++) {
		cleanup(free_bytes) char *value = context_value(context, key);
		cleanup(free_bytes) char *valid = value ? text_repair(value) : NULL;

		if (valid)
			(void)json_object_set_new(object, key->name + strlen("--"),
						  json_string(valid));
	}
	return object;
}

/* 0, or the exit code after printing that there is none. */
static int find_context(struct cli *cli, const char *command, const char *name,
			struct context **ret)
{
	int code = cli_load_contexts(cli);

	if (code)
		return code;
	*ret = context_file_find(&cli->file, name);
	if (*ret)
		return EXIT_OK;
	return cli_usage(cli, "%s: '%s': there is no such context in %s", command, name,
			 cli->file.path ? cli->file.path : "any file");
}

static int save(struct cli *cli)
{
	char reason[REASON_MAX];

	if (!cli->file.path)
		return cli_usage(cli,
				 "neither WAYMARK_CONFIG nor HOME says where contexts are");
	if (!context_file_save(&cli->file, reason))
		return EXIT_OK;
	(void)cli_usage(cli, "%s", reason);
	return EXIT_INTERNAL;
}

static void set_current(struct context_file *file, const char *name)
{
	free(file->current);
	file->current = name ? must(strdup(name)) : NULL;
}

/* ---- list ---- */

static void print_contexts(struct cli *cli)
{
	static const struct column columns[] = {
		{"CURRENT", false}, {"NAME", false}, {"TARGET", false}, {"OWNER", false}};
	struct table table;

	table_init(&table, cli->out, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < cli->file.count; i++) {
		const struct context *context = &cli->file.contexts[i];

		table_cell(&table, "%s", is_current(&cli->file, context) ? "*" : "");
		table_cell(&table, "%s", context->name);
		table_cell(&table, "%s", context->endpoint.target);
		table_cell(&table, "%s", context->endpoint.owner ?: "");
	}
	table_flush(&table);
	table_done(&table);
}

static int list_main(struct cli *cli, const char **arguments, void *values)
{
	json_t *list;
	int code = cli_load_contexts(cli);

	(void)arguments;
	(void)values;
	if (code)
		return code;
	if (cli->output == OUTPUT_TABLE) {
		print_contexts(cli);
		return EXIT_OK;
	}
	list = must(json_array());
	for (size_t i = 0; i < cli->file.count; i++)
		(void)json_array_append_new(list,
					    context_json(&cli->file, &cli->file.contexts[i]));
	if (cli->output == OUTPUT_JSON)
		cli_print_json(cli, json_pack("{s:O}", "contexts", list));
	for (size_t i = 0; cli->output == OUTPUT_JSONL && i < json_array_size(list); i++)
		cli_print_json(cli, json_incref(json_array_get(list, i)));
	json_decref(list);
	return EXIT_OK;
}

/* ---- show ---- */

static void print_context(struct cli *cli, const struct context *context)
{
	static const struct column columns[] = {{NULL, false}, {NULL, false}};
	struct table table;

	table_init(&table, cli->out, columns, sizeof(columns) / sizeof(columns[0]));
	table_cell(&table, "name");
	table_cell(&table, "%s", context->name);
	for (const struct option *key = context_keys; key->name; key++) {
		cleanup(free_bytes) char *value = context_value(context, key);

		if (!value)
			continue;
		table_cell(&table, "%s", key->name + strlen("--"));
		table_cell(&table, "%s", value);
	}
	table_flush(&table);
	table_done(&table);
}

static int show_main(struct cli *cli, const char **arguments, void *values)
{
	struct context *context;
	int code = cli_load_contexts(cli);

	(void)values;
	if (code)
		return code;
	if (!arguments[0] && !cli->file.current)
		return cli_usage(cli, "context show: there is no current context");
	code = find_context(cli, "context show",
			    arguments[0] ? arguments[0] : cli->file.current, &context);
	if (code)
		return code;
	if (cli->output == OUTPUT_TABLE)
		print_context(cli, context);
	else
		cli_print_json(cli, context_json(&cli->file, context));
	return EXIT_OK;
}

/* ---- use, set, delete ---- */

static int use_main(struct cli *cli, const char **arguments, void *values)
{
	struct context *context;
	int code = find_context(cli, "context use", arguments[0], &context);

	(void)values;
	if (code)
		return code;
	set_current(&cli->file, context->name);
	return save(cli);
}

struct set_values {
	struct endpoint endpoint; /* its owner only */
};

static const struct option set_rows[] = {
	{"--owner", 0, "WHO", NULL, "for whom writes act; default yourself", read_text,
	 offsetof(struct set_values, endpoint.owner)},
	{0},
};

/* A path that means the same wherever the program is started. 0, or an exit code. */
static int make_absolute(struct cli *cli, const char *option, const char **path)
{
	cleanup(free_bytes) char *directory = NULL;
	cleanup(free_bytes) char *absolute = NULL;

	if (!*path || (*path)[0] == '/')
		return EXIT_OK;
	directory = getcwd(NULL, 0);
	if (!directory)
		return cli_usage(cli, "context set: %s '%s': the working directory is gone",
				 option, *path);
	(void)must(asprintf(&absolute, "%s/%s", directory, *path) < 0 ? NULL : absolute);
	*path = context_file_text(&cli->file, absolute);
	return EXIT_OK;
}

static int make_paths_absolute(struct cli *cli, struct endpoint *endpoint)
{
	return make_absolute(cli, "--tls-ca", &endpoint->tls_ca)
		       ?: make_absolute(cli, "--tls-cert", &endpoint->tls_cert)
			       ?: make_absolute(cli, "--tls-key", &endpoint->tls_key);
}

/* What could never connect is not worth keeping. */
static int check_endpoint(struct cli *cli, const struct endpoint *endpoint)
{
	const bool tls = endpoint->tls_ca || endpoint->tls_cert || endpoint->tls_key ||
			 endpoint->tls_server_name;

	if (!endpoint->target)
		return cli_usage(cli, "context set: --target is missing");
	if (endpoint->insecure && tls)
		return cli_usage(cli,
				 "context set: --insecure and TLS options exclude each other");
	return EXIT_OK;
}

static int set_main(struct cli *cli, const char **arguments, void *pointer)
{
	struct endpoint endpoint = cli->endpoint;
	const struct context *old;
	struct context *context;
	int code = cli_load_contexts(cli);

	endpoint.owner = ((const struct set_values *)pointer)->endpoint.owner;
	if (!code && !context_name_valid(arguments[0]))
		code = cli_usage(cli, "context set: CONTEXT '%s': " CONTEXT_NAME_RULE,
				 arguments[0]);
	if (!code)
		code = make_paths_absolute(cli, &endpoint);
	if (code)
		return code;
	old = context_file_find(&cli->file, arguments[0]);
	if (old)
		endpoint_complete(&endpoint, &old->endpoint);
	code = check_endpoint(cli, &endpoint);
	if (code)
		return code;
	context = old ? context_file_find(&cli->file, arguments[0])
		      : context_file_add(&cli->file, arguments[0]);
	context->endpoint = endpoint;
	if (!cli->file.current)
		set_current(&cli->file, context->name);
	return save(cli);
}

static int delete_main(struct cli *cli, const char **arguments, void *values)
{
	struct context *context;
	int code = find_context(cli, "context delete", arguments[0], &context);

	(void)values;
	if (code)
		return code;
	if (is_current(&cli->file, context))
		set_current(&cli->file, NULL);
	context_file_remove(&cli->file, context);
	return save(cli);
}

/* ---- the table ---- */

static const struct command list_contexts_command = {
	.name = "context list",
	.arguments = "",
	.summary = "Show all contexts and which is the current one",
	.local = true,
	.main = list_main,
};

static const struct command use_command = {
	.name = "context use",
	.arguments = "CONTEXT",
	.arguments_min = 1,
	.arguments_max = 1,
	.summary = "Make a context the current one",
	.local = true,
	.main = use_main,
};

static const struct command set_context_command = {
	.name = "context set",
	.arguments = "CONTEXT",
	.arguments_min = 1,
	.arguments_max = 1,
	.summary = "Make a context of the global options that are given, or change one",
	.details = "What is not given stays as it is. The first context becomes the current\n"
		   "one. Comments in the file are lost.\n",
	.options = set_rows,
	.values_size = sizeof(struct set_values),
	.local = true,
	.main = set_main,
};

static const struct command delete_command = {
	.name = "context delete",
	.arguments = "CONTEXT",
	.arguments_min = 1,
	.arguments_max = 1,
	.summary = "Forget a context",
	.local = true,
	.main = delete_main,
};

static const struct command show_command = {
	.name = "context show",
	.arguments = "[CONTEXT]",
	.arguments_max = 1,
	.summary = "Show a context, by default the current one",
	.local = true,
	.main = show_main,
};

static const struct command *const members[] = {
	&list_contexts_command, &use_command,  &set_context_command,
	&delete_command,	&show_command, NULL,
};

const struct command context_command = {
	.name = "context",
	.arguments = "",
	.summary = "Name agents and how to reach them, as kubectl does",
	.details = "The file is $WAYMARK_CONFIG, else ~/.config/waymark/config.yaml. Options "
		   "beat a\n"
		   "context; --target or WAYMARK_TARGET without --context use none.\n",
	.members = members,
};
