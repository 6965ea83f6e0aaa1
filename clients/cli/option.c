/* SPDX-License-Identifier: Apache-2.0 */
#include "option.h"

#include <stdlib.h>
#include <string.h>

/* How the user wrote an option. */
struct spelling {
	const char *text; /* "--source=::1" */
	size_t name_length; /* of "--source" */
	const char *value; /* behind '=' or the letter; NULL: none */
};

static bool option_is(const struct option *option, const struct spelling *spelling)
{
	if (spelling->text[1] != '-')
		return option->letter && option->letter == spelling->text[1];
	return strlen(option->name) == spelling->name_length &&
	       strncmp(option->name, spelling->text, spelling->name_length) == 0;
}

static const struct option *option_find(const struct option_set *sets,
					const struct spelling *spelling, void **ret_values)
{
	for (; sets->options; sets++) {
		for (const struct option *option = sets->options; option->name; option++) {
			if (!option_is(option, spelling))
				continue;
			*ret_values = sets->values;
			return option;
		}
	}
	return NULL;
}

static struct spelling spelling_of(const char *text)
{
	const char *equals = strchr(text, '=');

	if (text[1] != '-')
		return (struct spelling){text, 2, text[2] ? text + 2 : NULL};
	return (struct spelling){
		.text = text,
		.name_length = equals ? (size_t)(equals - text) : strlen(text),
		.value = equals ? equals + 1 : NULL,
	};
}

static int option_set_value(const struct option *option, const char *name, const char *value,
			    void *values, char reason[static REASON_MAX])
{
	char detail[REASON_MAX];

	if (option->read(value, (char *)values + option->offset, detail))
		return 0;
	(void)snprintf(reason, REASON_MAX, "%s '%s': %.300s", name, value, detail);
	return -1;
}

/* Reads the option at argv[0]. Returns how many elements it takes, or -1. */
static int option_read(const struct option_set *sets, const char **argv,
		       char reason[static REASON_MAX])
{
	struct spelling spelling = spelling_of(argv[0]);
	void *values = NULL;
	const struct option *option = option_find(sets, &spelling, &values);
	bool separate;

	if (!option) {
		(void)snprintf(reason, REASON_MAX, "unknown option '%.*s'",
			       (int)spelling.name_length, spelling.text);
		return -1;
	}
	if (!option->value && spelling.value) {
		(void)snprintf(reason, REASON_MAX, "%s takes no value, '%s' does not belong",
			       option->name, spelling.value);
		return -1;
	}
	separate = option->value && !spelling.value;
	if (separate && !argv[1]) {
		(void)snprintf(reason, REASON_MAX, "%s needs a value: %s", option->name,
			       option->value);
		return -1;
	}
	if (option_set_value(option, option->name, separate ? argv[1] : spelling.value, values,
			     reason))
		return -1;
	return separate ? 2 : 1;
}

static bool is_option(const char *text)
{
	return text[0] == '-' && text[1] && strcmp(text, "--") != 0;
}

int options_read_environment(const struct option_set *set, char reason[static REASON_MAX])
{
	for (const struct option *option = set->options; option->name; option++) {
		const char *value = option->environment ? getenv(option->environment) : NULL;

		if (value && *value &&
		    option_set_value(option, option->environment, value, set->values, reason))
			return -1;
	}
	return 0;
}

int options_read_leading(const struct option_set *sets, const char **argv,
			 char reason[static REASON_MAX])
{
	int taken = 0;

	while (argv[taken] && is_option(argv[taken])) {
		int count = option_read(sets, argv + taken, reason);

		if (count < 0)
			return -1;
		taken += count;
	}
	return taken;
}

int options_read_all(const struct option_set *sets, const char **argv,
		     char reason[static REASON_MAX])
{
	int arguments = 0;
	bool options_end = false;

	for (const char **from = argv; *from;) {
		int count = 1;

		if (!options_end && strcmp(*from, "--") == 0) {
			options_end = true;
		} else if (!options_end && is_option(*from)) {
			count = option_read(sets, from, reason);
			if (count < 0)
				return -1;
		} else {
			argv[arguments++] = *from;
		}
		from += count;
	}
	argv[arguments] = NULL;
	return arguments;
}

static void option_help(const struct option *option, FILE *out)
{
	const int column = 30;
	int width = 0;

	width += option->letter ? fprintf(out, "  -%c, ", option->letter) : fprintf(out, "  ");
	width += fprintf(out, "%s", option->name);
	width += option->value ? fprintf(out, " %s", option->value) : 0;
	if (width + 2 > column)
		width = fprintf(out, "\n") - 1;
	(void)fprintf(out, "%*s%s", column - width, "", option->help);
	if (option->environment)
		(void)fprintf(out, " [%s]", option->environment);
	(void)fprintf(out, "\n");
}

void options_help(const struct option *options, FILE *out)
{
	for (; options->name; options++)
		option_help(options, out);
}
