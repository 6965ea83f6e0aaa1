/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completion in shells. Their scripts know nothing: they ask `waymark completion words` with
 * the words so far, and the answer comes from the tables of commands and options.
 */
#include "commands.h"

#include <limits.h>
#include <string.h>

#include "exit_code.h"

/* What to tell a shell that it shall offer names of files. */
#define FILES ":files"

static const char bash_script[] =
	"_waymark() {\n"
	"	local line\n"
	"	COMPREPLY=()\n"
	"	while IFS= read -r line; do\n"
	"		if [[ $line == " FILES " ]]; then\n"
	"			compopt -o default\n"
	"			return\n"
	"		fi\n"
	"		COMPREPLY+=(\"${line%%$'\\t'*}\")\n"
	"	done < <(\"${COMP_WORDS[0]}\" completion words -- \\\n"
	"		\"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
	"}\n"
	"complete -F _waymark waymark\n";

static const char zsh_script[] = "#compdef waymark\n"
				 "_waymark() {\n"
				 "	local -a lines\n"
				 "	lines=(\"${(@f)$(waymark completion words -- "
				 "\"${(@)words[2,CURRENT]}\" 2>/dev/null)}\")\n"
				 "	if [[ $lines[1] == " FILES " ]]; then\n"
				 "		_files\n"
				 "		return\n"
				 "	fi\n"
				 "	lines=(\"${(@)lines/$'\\t'/:}\")\n"
				 "	_describe waymark lines\n"
				 "}\n"
				 "compdef _waymark waymark\n";

static const char fish_script[] =
	"function __waymark_words\n"
	"	set -l words (commandline -opc) (commandline -ct)\n"
	"	set -l lines (waymark completion words -- $words[2..-1] 2>/dev/null)\n"
	"	if test \"$lines[1]\" = " FILES "\n"
	"		__fish_complete_path (commandline -ct)\n"
	"	else\n"
	"		printf '%s\\n' $lines\n"
	"	end\n"
	"end\n"
	"complete -c waymark -f -a '(__waymark_words)'\n";

/* Words that begin like the one under the cursor. */
struct offer {
	struct cli *cli;
	const char *begun;
	char before[64]; /* what stands in the same word before it: "--output=" */
};

static void offer_word(const struct offer *offer, const char *word, const char *summary)
{
	if (strncmp(word, offer->begun, strlen(offer->begun)) != 0)
		return;
	(void)fprintf(offer->cli->out, "%s%s%s%s\n", offer->before, word, summary ? "\t" : "",
		      summary ? summary : "");
}

static void offer_commands(const struct offer *offer, const struct command *const *table)
{
	for (; *table; table++)
		offer_word(offer, command_word(*table), (*table)->summary);
}

static void offer_options(const struct offer *offer, const struct option *options)
{
	for (; options && options->name; options++)
		offer_word(offer, options->name, options->help);
}

static void offer_contexts(const struct offer *offer)
{
	struct context_file *file = &offer->cli->file;
	char reason[REASON_MAX];

	/* Silent: this is no moment for complaints. */
	if (!file->path && context_file_load(file, context_file_path(), reason))
		return;
	for (size_t i = 0; i < file->count; i++)
		offer_word(offer, file->contexts[i].name, file->contexts[i].endpoint.target);
}

/* What a value or an argument may be, by the name that help gives it. */
static void offer_value(const struct offer *offer, const char *name)
{
	static const struct {
		const char *name;
		const char *words[6];
	} known[] = {
		{"FORM", {"table", "json", "jsonl"}},
		{"KIND", {"flow", "endpoint", "host", "network"}},
		{"PROTOCOL", {"tcp", "udp", "dccp", "sctp", "udplite"}},
	};

	if (strstr(name, "FILE"))
		(void)fputs(FILES "\n", offer->cli->out);
	else if (strstr(name, "CONTEXT"))
		offer_contexts(offer);
	else if (strstr(name, "COMMAND"))
		offer_commands(offer, commands);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		for (const char *const *word = known[i].words;
		     strcmp(known[i].name, name) == 0 && *word; word++)
			offer_word(offer, *word, NULL);
	}
}

/* The line so far. */
struct line {
	const struct command *const *table; /* commands that may come; NULL: none */
	const struct command *command; /* NULL: none yet */
	const struct option *pending; /* the option whose value comes; NULL: none */
};

/* Options of a command, and global ones. */
static const struct option *find_option(const struct command *command, const char *word)
{
	const struct option *const sets[] = {command ? command->options : NULL, global_options};

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		for (const struct option *row = sets[i]; row && row->name; row++) {
			if (strcmp(row->name, word) == 0 ||
			    (row->letter && word[0] == '-' && word[1] == row->letter &&
			     !word[2]))
				return row;
		}
	}
	return NULL;
}

static void line_read(struct line *line, const char *word)
{
	const struct option *option = find_option(line->command, word);

	if (line->pending && strcmp(word, "=") != 0) {
		line->pending = NULL;
	} else if (option) {
		line->pending = option->value ? option : NULL;
	} else if (line->table && word[0] != '-' && word[0] != '=') {
		line->command = command_find(line->table, word);
		line->table = line->command ? line->command->members : NULL;
	}
}

/* "--output=ta": the option, with what is begun behind the "=". NULL: it is none. */
static const struct option *split_option(const struct line *line, struct offer *offer)
{
	const char *equals = strchr(offer->begun, '=');
	char name[sizeof(offer->before)];

	if (!equals || offer->begun[0] != '-')
		return NULL;
	(void)snprintf(name, sizeof(name), "%.*s", (int)(equals - offer->begun), offer->begun);
	(void)snprintf(offer->before, sizeof(offer->before), "%.61s=", name);
	offer->begun = equals + 1;
	return find_option(line->command, name);
}

static void line_offer(const struct line *line, struct offer *offer)
{
	const struct option *option = line->pending;

	/* bash makes three words of --output=table, other shells leave it one. */
	if (option && offer->begun[0] == '=')
		offer->begun++;
	else if (!option)
		option = split_option(line, offer);
	if (option) {
		offer_value(offer, option->value ? option->value : "");
	} else if (offer->begun[0] == '-') {
		offer_options(offer, line->command ? line->command->options : NULL);
		offer_options(offer, global_options);
	} else if (line->table) {
		offer_commands(offer, line->table);
	} else if (line->command) {
		offer_value(offer, line->command->arguments);
	}
}

static int words_main(struct cli *cli, const char **arguments, void *values)
{
	struct line line = {.table = commands};
	struct offer offer = {.cli = cli, .begun = ""};

	(void)values;
	for (; arguments[0] && arguments[1]; arguments++)
		line_read(&line, arguments[0]);
	if (arguments[0])
		offer.begun = arguments[0];
	line_offer(&line, &offer);
	return EXIT_OK;
}

static int bash_main(struct cli *cli, const char **arguments, void *values)
{
	(void)arguments;
	(void)values;
	(void)fputs(bash_script, cli->out);
	return EXIT_OK;
}

static int zsh_main(struct cli *cli, const char **arguments, void *values)
{
	(void)arguments;
	(void)values;
	(void)fputs(zsh_script, cli->out);
	return EXIT_OK;
}

static int fish_main(struct cli *cli, const char **arguments, void *values)
{
	(void)arguments;
	(void)values;
	(void)fputs(fish_script, cli->out);
	return EXIT_OK;
}

static const struct command bash_command = {
	.name = "completion bash",
	.arguments = "",
	.summary = "Print the script for bash: source <(waymark completion bash)",
	.local = true,
	.main = bash_main,
};

static const struct command zsh_command = {
	.name = "completion zsh",
	.arguments = "",
	.summary = "Print the script for zsh: source <(waymark completion zsh)",
	.local = true,
	.main = zsh_main,
};

static const struct command fish_command = {
	.name = "completion fish",
	.arguments = "",
	.summary = "Print the script for fish: waymark completion fish | source",
	.local = true,
	.main = fish_main,
};

static const struct command words_command = {
	.name = "completion words",
	.arguments = "-- [WORD...]",
	.arguments_max = INT_MAX,
	.summary = "Print what may stand for the last word, as the scripts ask it",
	.local = true,
	.main = words_main,
};

static const struct command *const members[] = {
	&bash_command, &zsh_command, &fish_command, &words_command, NULL,
};

const struct command completion_command = {
	.name = "completion",
	.arguments = "",
	.summary = "Print the script that completes command lines in a shell",
	.members = members,
};
