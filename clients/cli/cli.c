/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "commands.h"
#include "exit_code.h"
#include "text.h"

const struct option global_options[] = {
	ENDPOINT_OPTIONS(struct cli),
	{"--context", 0, "CONTEXT", "WAYMARK_CONTEXT", "which context to use instead",
	 read_text, offsetof(struct cli, context)},
	{"--output", 'o', "FORM", NULL, "table (default), json or jsonl", read_output,
	 offsetof(struct cli, output)},
	{"--help", 'h', NULL, NULL, "show help", read_flag, offsetof(struct cli, help)},
	{"--version", 'V', NULL, NULL, "show the version", read_flag,
	 offsetof(struct cli, version)},
	{0},
};

const struct command *const commands[] = {
	&set_command,	     &clear_command,   &get_command,	&list_command,
	&watch_command,	     &stats_command,   &whoami_command, &apply_command,
	&replace_command,    &lease_command,   &scitag_command, &context_command,
	&completion_command, &version_command, &help_command,	NULL,
};

const char *command_word(const struct command *command)
{
	const char *space = strrchr(command->name, ' ');

	return space ? space + 1 : command->name;
}

const struct command *command_find(const struct command *const *table, const char *name)
{
	for (; *table; table++) {
		if (strcmp(command_word(*table), name) == 0)
			return *table;
	}
	return NULL;
}

/* Whatever a message quotes, it stays one harmless line. */
static void print_error(struct cli *cli, const char *prefix, const char *message)
{
	cleanup(free_bytes) char *text = text_escape(message);

	(void)fprintf(cli->err, "waymark: %s%s\n", prefix, text);
}

int cli_usage(struct cli *cli, const char *format, ...)
{
	char message[REASON_MAX + 128];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	print_error(cli, "", message);
	return EXIT_USAGE;
}

int cli_error(struct cli *cli, const struct waymark_error *error)
{
	char message[sizeof(*error)];

	if (error->field[0] && error->reason[0])
		(void)snprintf(message, sizeof(message), "%s (field %s, reason %s)",
			       error->message, error->field, error->reason);
	else if (error->field[0])
		(void)snprintf(message, sizeof(message), "%s (field %s)", error->message,
			       error->field);
	else
		(void)snprintf(message, sizeof(message), "%s (%s)", error->message,
			       error->reason[0] ? error->reason
						: waymark_code_name(error->code));
	print_error(cli, "", message);
	return exit_code_of(error->code);
}

void cli_warn(struct cli *cli, const char *warning)
{
	print_error(cli, "warning: ", warning);
}

int cli_load_contexts(struct cli *cli)
{
	char *path = cli->file.path ? NULL : context_file_path();
	char reason[REASON_MAX];

	if (!path || !context_file_load(&cli->file, path, reason))
		return EXIT_OK;
	return cli_usage(cli, "%s", reason);
}

static int use_context(struct cli *cli, const char *name)
{
	const struct context *context = context_file_find(&cli->file, name);

	if (!context)
		return cli_usage(cli, "--context '%s': there is no such context in %s", name,
				 cli->file.path ? cli->file.path : "any file");
	cli->context = name;
	endpoint_complete(&cli->endpoint, &context->endpoint);
	return EXIT_OK;
}

/*
 * Completes what the options say. A context that is named there beats the environment; the
 * environment's target beats the contexts that the environment and the file name. Either stands
 * for itself: a target from here and a key from there would be nobody's intention.
 */
static int resolve_endpoint(struct cli *cli, const struct cli *environment)
{
	const char *name = cli->context;
	int code = EXIT_OK;

	if (!name && !cli->endpoint.target && !environment->endpoint.target) {
		code = cli_load_contexts(cli);
		name = environment->context ? environment->context : cli->file.current;
	} else if (name) {
		code = cli_load_contexts(cli);
	}
	if (code)
		return code;
	if (name)
		return use_context(cli, name);
	endpoint_complete(&cli->endpoint, &environment->endpoint);
	if (!cli->endpoint.target)
		cli->endpoint.target = "unix:/run/waymark/waymark.sock";
	return EXIT_OK;
}

int cli_connect(struct cli *cli, struct waymark_client **ret)
{
	const struct endpoint *endpoint = &cli->endpoint;
	const int64_t timeout = endpoint->timeout_ms ? endpoint->timeout_ms : 10000;
	const struct waymark_options options = {
		.target = endpoint->target,
		.tls_ca = endpoint->tls_ca,
		.tls_cert = endpoint->tls_cert,
		.tls_key = endpoint->tls_key,
		.tls_server_name = endpoint->tls_server_name,
		.insecure = endpoint->insecure,
		.connect_timeout_ms = timeout,
		.call_timeout_ms = timeout,
		/* A whole declared set takes longer than a call, unless somebody says so. */
		.replace_timeout_ms = endpoint->timeout_ms,
	};
	struct waymark_error error;

	if (!waymark_open(&options, ret, &error))
		return EXIT_OK;
	if (!error.field[0])
		return cli_error(cli, &error);
	/* Members of the options are named like the options of the command line. */
	for (char *c = error.field; *c; c++)
		*c = (char)(*c == '_' ? '-' : *c);
	if (cli->context)
		return cli_usage(cli, "context '%s': --%s: %s", cli->context, error.field,
				 error.message);
	return cli_usage(cli, "--%s: %s", error.field, error.message);
}

/* Has whoever read our output gone away? */
static bool is_reader_gone(FILE *out)
{
	struct pollfd poll_fd = {.fd = fileno(out)};

	return poll_fd.fd >= 0 && poll(&poll_fd, 1, 0) > 0 && poll_fd.revents & POLLERR;
}

bool cli_flush(struct cli *cli)
{
	errno = 0;
	if (!fflush(cli->out) && !ferror(cli->out))
		return true;
	if (!cli->output_errno)
		cli->output_errno = errno ? errno : EIO;
	return false;
}

void cli_print_json(struct cli *cli, json_t *value)
{
	size_t flags = cli->output == OUTPUT_JSON ? JSON_INDENT(2) : JSON_COMPACT;

	(void)json_dumpf(value, cli->out, flags);
	(void)fputc('\n', cli->out);
	json_decref(value);
}

/* Reads the rest of the command line and runs the command. */
static int command_run(struct cli *cli, const struct cli *environment,
		       const struct command *command, const char **argv)
{
	cleanup(free_bytes) void *values = must(calloc(1, command->values_size + 1));
	const struct option_set sets[] = {
		{command->options, values}, {global_options, cli}, {NULL, NULL}};
	char reason[REASON_MAX];
	int count = options_read_all(command->options ? sets : sets + 1, argv, reason);
	int code = EXIT_OK;

	if (count < 0)
		return cli_usage(cli, "%s: %s", command->name, reason);
	if (cli->help)
		return command_help(cli, command);
	if (count < command->arguments_min)
		return cli_usage(cli, "%s: arguments are missing: %s", command->name,
				 command->arguments);
	if (count > command->arguments_max)
		return cli_usage(cli, "%s: unexpected argument '%s'", command->name,
				 argv[command->arguments_max]);
	if (!command->local)
		code = resolve_endpoint(cli, environment);
	return code ? code : command->main(cli, argv, values);
}

/* "grant, renew, revoke or list" */
static void member_names(const struct command *group, char text[static REASON_MAX])
{
	int length = 0;

	for (const struct command *const *member = group->members; *member; member++)
		length += snprintf(text + length, (size_t)(REASON_MAX - length), "%s%s",
				   member == group->members ? ""
				   : member[1]		    ? ", "
							    : " or ",
				   command_word(*member));
}

/* Reads global options and command names, group after group. */
static int dispatch(struct cli *cli, const struct cli *environment, const char **argv,
		    const struct command *group)
{
	const struct option_set globals[] = {{global_options, cli}, {NULL, NULL}};
	const struct command *command;
	char text[REASON_MAX];
	int taken = options_read_leading(globals, argv, text);

	if (taken < 0)
		return cli_usage(cli, "%s", text);
	if (cli->help)
		return group ? command_help(cli, group) : help_main(cli, argv + taken, NULL);
	if (cli->version)
		return version_main(cli, argv + taken, NULL);
	if (group)
		member_names(group, text);
	if (!argv[taken])
		return group ? cli_usage(cli, "%s: %s is missing", group->name, text)
			     : cli_usage(cli, "no command; 'waymark help' lists them");
	command = command_find(group ? group->members : commands, argv[taken]);
	if (!command)
		return group ? cli_usage(cli, "%s: '%s' is not %s", group->name, argv[taken],
					 text)
			     : cli_usage(cli, "unknown command '%s'; 'waymark help' lists them",
					 argv[taken]);
	if (command->members)
		return dispatch(cli, environment, argv + taken + 1, command);
	return command_run(cli, environment, command, argv + taken + 1);
}

static int run_all(struct cli *cli, const char **argv)
{
	struct cli environment = {0};
	char reason[REASON_MAX];

	if (options_read_environment(&(struct option_set){global_options, &environment},
				     reason))
		return cli_usage(cli, "%s", reason);
	return dispatch(cli, &environment, argv, NULL);
}

int cli_run(const char **argv, FILE *out, FILE *err)
{
	struct cli cli = {.out = out, .err = err};
	int code = run_all(&cli, argv);

	/* A reader that has seen enough is nobody's failure. */
	if (!cli_flush(&cli) && !is_reader_gone(out)) {
		print_error(&cli, "the output cannot be written: ", strerror(cli.output_errno));
		code = EXIT_INTERNAL;
	}
	context_file_done(&cli.file);
	return code;
}
