/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "commands.h"
#include "exit_code.h"
#include "text.h"

const struct option global_options[] = {
	{"--target", 0, "TARGET", "WAYMARK_TARGET",
	 "unix:/path or host:port; default unix:/run/waymark/waymark.sock", read_text,
	 offsetof(struct cli, target)},
	{"--tls-ca", 0, "FILE", "WAYMARK_TLS_CA", "certificates that sign agents (PEM)",
	 read_text, offsetof(struct cli, tls_ca)},
	{"--tls-cert", 0, "FILE", "WAYMARK_TLS_CERT", "own certificate (PEM)", read_text,
	 offsetof(struct cli, tls_cert)},
	{"--tls-key", 0, "FILE", "WAYMARK_TLS_KEY", "its key (PEM)", read_text,
	 offsetof(struct cli, tls_key)},
	{"--tls-server-name", 0, "NAME", NULL,
	 "name in the agent's certificate; default the host", read_text,
	 offsetof(struct cli, tls_server_name)},
	{"--insecure", 0, NULL, NULL, "TCP without TLS", read_flag,
	 offsetof(struct cli, insecure)},
	{"--timeout", 0, "SECONDS", NULL, "limit of each call; default 10", read_seconds,
	 offsetof(struct cli, timeout_ms)},
	{"--output", 'o', "FORM", NULL, "table (default), json or jsonl", read_output,
	 offsetof(struct cli, output)},
	{"--help", 'h', NULL, NULL, "show help", read_flag, offsetof(struct cli, help)},
	{"--version", 'V', NULL, NULL, "show the version", read_flag,
	 offsetof(struct cli, version)},
	{0},
};

const struct command *const commands[] = {
	&set_command,	 &clear_command,   &get_command,  &list_command, &stats_command,
	&scitag_command, &version_command, &help_command, NULL,
};

const struct command *command_find(const char *name)
{
	for (const struct command *const *command = commands; *command; command++) {
		if (strcmp((*command)->name, name) == 0)
			return *command;
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

int cli_connect(struct cli *cli, struct waymark_client **ret)
{
	const struct waymark_options options = {
		.target = cli->target,
		.tls_ca = cli->tls_ca,
		.tls_cert = cli->tls_cert,
		.tls_key = cli->tls_key,
		.tls_server_name = cli->tls_server_name,
		.insecure = cli->insecure,
		.connect_timeout_ms = cli->timeout_ms,
		.call_timeout_ms = cli->timeout_ms,
	};
	struct waymark_error error;

	if (!waymark_open(&options, ret, &error))
		return EXIT_OK;
	if (!error.field[0])
		return cli_error(cli, &error);
	/* Members of the options are named like the options of the command line. */
	for (char *c = error.field; *c; c++)
		*c = (char)(*c == '_' ? '-' : *c);
	return cli_usage(cli, "--%s: %s", error.field, error.message);
}

void cli_print_json(struct cli *cli, json_t *value)
{
	size_t flags = cli->output == OUTPUT_JSON ? JSON_INDENT(2) : JSON_COMPACT;

	(void)json_dumpf(value, cli->out, flags);
	(void)fputc('\n', cli->out);
	json_decref(value);
}

/* Reads the rest of the command line and runs the command. */
static int command_run(struct cli *cli, const struct command *command, const char **argv)
{
	cleanup(free_bytes) void *values = must(calloc(1, command->values_size + 1));
	const struct option_set sets[] = {
		{command->options, values}, {global_options, cli}, {NULL, NULL}};
	char reason[REASON_MAX];
	int count = options_read_all(command->options ? sets : sets + 1, argv, reason);

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
	return command->main(cli, argv, values);
}

static int dispatch(struct cli *cli, const char **argv)
{
	const struct option_set globals[] = {{global_options, cli}, {NULL, NULL}};
	const struct command *command;
	char reason[REASON_MAX];
	int taken = options_read_environment(globals, reason);

	if (!taken)
		taken = options_read_leading(globals, argv, reason);
	if (taken < 0)
		return cli_usage(cli, "%s", reason);
	if (cli->help)
		return help_main(cli, argv + taken, NULL);
	if (cli->version)
		return version_main(cli, argv + taken, NULL);
	if (!argv[taken])
		return cli_usage(cli, "no command; 'waymark help' lists them");
	command = command_find(argv[taken]);
	if (!command)
		return cli_usage(cli, "unknown command '%s'; 'waymark help' lists them",
				 argv[taken]);
	return command_run(cli, command, argv + taken + 1);
}

int cli_run(const char **argv, FILE *out, FILE *err)
{
	struct cli cli = {
		.out = out,
		.err = err,
		.target = "unix:/run/waymark/waymark.sock",
		.timeout_ms = 10000,
	};
	int code = dispatch(&cli, argv);

	if (fflush(out) || ferror(out)) {
		print_error(&cli, "the output cannot be written: ", strerror(errno));
		return EXIT_INTERNAL;
	}
	return code;
}
