/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/options.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

static const struct row {
	const char *name;
	const char *argument; /* NULL: takes none */
	const char *key; /* in the configuration; without an argument it becomes true */
	enum options_action action; /* where there is neither: --config */
	const char *help;
} rows[] = {
	{"config", "FILE", NULL, 0, "read FILE first; options come on top of it"},
	{"interface", "NAME", "interfaces", 0,
	 "mark what leaves by this interface, or by all that\n"
	 "match a pattern (\"ens*\"); may be repeated"},
	{"attach", "HOW", "attach", 0, "auto (tcx where the kernel has it), tcx or clsact"},
	{"observe-ingress", NULL, "observe_ingress", 0, "count SciTags in what arrives, too"},
	{"pin-dir", "DIR", "pin_dir", 0,
	 "where marking outlives the agent; \"\": it does not\n"
	 "(default " CONFIG_PIN_DIR_DEFAULT ")"},
	{"detach", NULL, "detach", 0, "take everything off the host when told to stop"},
	{"state-dir", "DIR", "state_dir", 0,
	 "where the marks are kept (default " CONFIG_STATE_DIR_DEFAULT ")"},
	{"history", "N", "history", 0, "changes that are kept for watches (default 1000000)"},
	{"audit-interval", "TIME", "audit_interval", 0,
	 "how often the kernel's maps are checked: 60s, 5m;\n"
	 "0s: never"},
	{"listen", "ADDRESS", "listen", 0,
	 "unix:/path, host:port or [v6]:port; may be repeated\n"
	 "(default " CONFIG_LISTEN_DEFAULT ")"},
	{"tls-certificate", "FILE", "tls.certificate", 0, "PEM chain of the agent"},
	{"tls-key", "FILE", "tls.key", 0, "PEM key of the agent"},
	{"tls-client-ca", "FILE", "tls.client_ca", 0,
	 "PEM authorities whose clients may connect"},
	{"insecure-loopback", NULL, "insecure_loopback", 0,
	 "allow plaintext TCP on loopback, for tests"},
	{"policy", "FILE", "policy", 0, "who may do what (default: root on unix sockets)"},
	{"audit-file", "FILE", "audit.file", 0, "a line for each change and each refusal"},
	{"registry", "FILE", "registry", 0, "SciTags registry in its published JSON form"},
	{"log-level", "LEVEL", "log.level", 0, "error, warning, info or debug"},
	{"log-format", "FORMAT", "log.format", 0, "text or json"},
	{"check", NULL, NULL, OPTIONS_CHECK, "check the configuration and exit"},
	{"clean", NULL, NULL, OPTIONS_CLEAN,
	 "take off what an agent that ended has left, and exit"},
	{"backup", "FILE", NULL, OPTIONS_BACKUP,
	 "copy the state into a new FILE and exit; an agent may\n"
	 "run meanwhile"},
	{"restore", "FILE", NULL, OPTIONS_RESTORE,
	 "make the state from a backup, where there is none,\n"
	 "and exit"},
	{"version", NULL, NULL, OPTIONS_VERSION, "print the version and exit"},
	{"help", NULL, NULL, OPTIONS_HELP, "print this and exit"},
};

/* Numbers of the rows for getopt, clear of its characters. */
#define FIRST_NUMBER 256
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

/* ---- help ---- */

static void print_row(FILE *file, const struct row *row)
{
	const char *line = row->help;
	int width = fprintf(file, "  --%s%s%s", row->name, row->argument ? " " : "",
			    row->argument ? row->argument : "");

	while (line) {
		const char *end = strchrnul(line, '\n');

		fprintf(file, "%*s%.*s\n", 26 - width, "", (int)(end - line), line);
		line = *end ? end + 1 : NULL;
		width = 0;
	}
}

void options_print_help(FILE *file)
{
	fputs("Usage: waymarkd [OPTION]...\n"
	      "Marks IPv6 packets with SciTags flow labels, told over gRPC.\n\n",
	      file);
	for (size_t i = 0; i < N_ROWS; i++)
		print_row(file, &rows[i]);
	fputs("\nOptions replace what the file says; --interface and --listen extend it.\n"
	      "Exit status: 0 when told to stop, 1 if the agent cannot run, 2 for wrong "
	      "options\n"
	      "or a wrong configuration.\n",
	      file);
}

/* ---- reading ---- */

static void fill_long_options(struct option options[static N_ROWS + 1])
{
	for (size_t i = 0; i < N_ROWS; i++)
		options[i] = (struct option){
			.name = rows[i].name,
			.has_arg = rows[i].argument ? required_argument : no_argument,
			.val = FIRST_NUMBER + (int)i,
		};
	options[N_ROWS] = (struct option){.name = NULL};
}

/* The next option's row, NULL at the end. 0 or -EINVAL. */
static int next_row(int argc, char *argv[], const struct row **ret,
		    char error[static CONFIG_ERROR_MAX])
{
	struct option options[N_ROWS + 1];
	int number;

	fill_long_options(options);
	/* Errors are told here, and every word that is no option is one. */
	opterr = 0;
	number = getopt_long(argc, argv, "+:", options, NULL);
	if (number == ':')
		return config_refuse(error, "option %s: a value is missing", argv[optind - 1]);
	if (number == '?' && optopt > 0 && optopt < FIRST_NUMBER)
		return config_refuse(error, "option -%c: there is none", optopt);
	if (number == '?')
		return config_refuse(error,
				     "option %s: unknown, ambiguous or with a value too much",
				     argv[optind - 1]);
	if (number >= FIRST_NUMBER) {
		*ret = &rows[number - FIRST_NUMBER];
		return 0;
	}
	if (optind < argc)
		return config_refuse(error, "\"%s\": waymarkd takes options only",
				     argv[optind]);
	*ret = NULL;
	return 0;
}

struct command {
	const char *config_path;
	enum options_action action;
	const char *file; /* of that action */
};

/* The options that have no key. */
static int read_command(int argc, char *argv[], struct command *command,
			char error[static CONFIG_ERROR_MAX])
{
	const struct row *row = NULL;

	optind = 0; /* glibc: begin anew */
	while (command->action != OPTIONS_HELP && command->action != OPTIONS_VERSION) {
		int r = next_row(argc, argv, &row, error);

		if (r < 0 || !row)
			return r;
		if (row->key)
			continue;
		if (row->action) {
			command->action = row->action;
			command->file = row->argument ? optarg : NULL;
			continue;
		}
		if (command->config_path)
			return config_refuse(error, "option --config \"%s\": given twice",
					     optarg);
		command->config_path = optarg;
	}
	return 0;
}

/* The others. */
static int read_values(int argc, char *argv[], struct config *config,
		       char error[static CONFIG_ERROR_MAX])
{
	char why[CONFIG_ERROR_MAX];
	const struct row *row = NULL;
	const char *value;

	optind = 0;
	for (;;) {
		int r = next_row(argc, argv, &row, error);

		if (r < 0 || !row)
			return r;
		if (!row->key)
			continue;
		value = row->argument ? optarg : "true";
		if (config_set(config, row->key, value, why) < 0)
			return config_refuse(error, "option --%s \"%s\": %s", row->name, value,
					     why);
	}
}

int options_read(int argc, char *argv[], struct config *config, enum options_action *ret_action,
		 const char **ret_file, char error[static CONFIG_ERROR_MAX])
{
	struct command command = {.action = OPTIONS_RUN};
	int r;

	config_init(config);
	r = read_command(argc, argv, &command, error);
	if (r < 0)
		return r;
	*ret_action = command.action;
	*ret_file = command.file;
	if (command.action == OPTIONS_HELP || command.action == OPTIONS_VERSION)
		return 0;
	if (command.config_path)
		r = config_load(config, command.config_path, error);
	if (r == 0)
		r = read_values(argc, argv, config, error);
	if (r == 0)
		r = config_complete(config, error);
	return r;
}
