/* SPDX-License-Identifier: Apache-2.0 */
#include "commands.h"

#include <string.h>

#include "agent/core/scitag.h"
#include "exit_code.h"
#include "agent/ops/registry_file.h"
#include "table.h"
#include "text.h"

DEFINE_CLEANUP(free_registry, struct registry *, registry_free)

struct scitag_values {
	const char *registry; /* NULL: the one built in */
};

static const struct option scitag_options[] = {
	{"--registry", 0, "FILE", NULL, "names from this file; default those built in",
	 read_text, offsetof(struct scitag_values, registry)},
	{0},
};

static const struct column columns[] = {
	{"EXPERIMENT", false},	  {"ACTIVITY", false}, {"SCITAG", true},
	{"PROTOCOL VALUE", true}, {"LABEL", true},     {"HEX", false},
};

/* Where one SciTag after the other is printed. */
struct scitag_output {
	struct cli *cli;
	struct table table;
	json_t *list; /* `list -o json` gathers; NULL: each stands alone */
};

static json_t *scitag_json(uint16_t experiment, const char *experiment_name, uint8_t activity,
			   const char *activity_name)
{
	uint32_t label = scitag_encode(experiment, activity);
	json_t *object = must(json_pack("{s:i, s:i, s:i, s:i, s:o}", "experimentId", experiment,
					"activityId", activity, "protocolValue",
					experiment << 6 | activity, "flowLabel", (int)label,
					"flowLabelHex", json_sprintf("0x%05X", label)));

	if (experiment_name)
		(void)json_object_set_new(object, "experiment", json_string(experiment_name));
	if (activity_name)
		(void)json_object_set_new(object, "activity", json_string(activity_name));
	return object;
}

static int scitag_add(uint16_t experiment, const char *experiment_name, uint8_t activity,
		      const char *activity_name, void *user)
{
	struct scitag_output *output = user;
	struct table *table = &output->table;
	uint32_t label = scitag_encode(experiment, activity);

	if (output->cli->output != OUTPUT_TABLE) {
		json_t *object =
			scitag_json(experiment, experiment_name, activity, activity_name);

		if (output->list)
			(void)json_array_append_new(output->list, object);
		else
			cli_print_json(output->cli, object);
		return 0;
	}
	table_cell(table, "%s", experiment_name ? experiment_name : "");
	table_cell(table, "%s", activity_name ? activity_name : "");
	table_cell(table, "%u/%u", experiment, activity);
	table_cell(table, "%u", (unsigned int)experiment << 6 | activity);
	table_cell(table, "%u", label);
	table_cell(table, "0x%05X", label);
	return 0;
}

static void scitag_add_pair(struct scitag_output *output, const struct registry *registry,
			    uint16_t experiment, uint8_t activity)
{
	(void)scitag_add(experiment, registry_experiment_name(registry, experiment), activity,
			 registry_activity_name(registry, experiment, activity), output);
}

static int scitag_encode_main(struct scitag_output *output, const struct registry *registry,
			      const char *argument)
{
	struct value_scitag value = {0};
	char reason[REASON_MAX];
	struct fault fault = {0};
	uint16_t experiment;
	uint8_t activity;

	if (!read_scitag(argument, &value, reason))
		return cli_usage(output->cli, "scitag encode '%s': %s", argument, reason);
	if (scitag_resolve(registry,
			   &(struct scitag_text){value.experiment_id, value.activity_id,
						 value.experiment, value.activity},
			   &experiment, &activity, &fault))
		return cli_usage(output->cli, "scitag encode '%s': %s", argument,
				 fault.message);
	scitag_add_pair(output, registry, experiment, activity);
	return EXIT_OK;
}

static int scitag_decode_main(struct scitag_output *output, const struct registry *registry,
			      const char *argument)
{
	struct value_number label;
	char reason[REASON_MAX];
	uint16_t experiment;
	uint8_t activity;

	if (!read_label(argument, &label, reason))
		return cli_usage(output->cli, "scitag decode '%s': %s", argument, reason);
	scitag_decode(label.number, &experiment, &activity);
	scitag_add_pair(output, registry, experiment, activity);
	return EXIT_OK;
}

static int scitag_list_main(struct scitag_output *output, const struct registry *registry,
			    const char *argument)
{
	(void)argument;
	if (output->cli->output == OUTPUT_JSON)
		output->list = must(json_array());
	(void)registry_each(registry, scitag_add, output);
	if (output->list)
		cli_print_json(output->cli, must(json_pack("{s:s, s:o}", "modified",
							   registry_modified(registry),
							   "scitags", output->list)));
	return EXIT_OK;
}

static const struct {
	const char *name;
	const char *argument; /* NULL: none */
	int (*main)(struct scitag_output *output, const struct registry *registry,
		    const char *argument);
} actions[] = {
	{"encode", "EXP[/ACT]", scitag_encode_main},
	{"decode", "LABEL", scitag_decode_main},
	{"list", NULL, scitag_list_main},
};

static int action_run(struct cli *cli, size_t action, const char *registry_path,
		      const char *argument)
{
	cleanup(free_registry) struct registry *registry = NULL;
	struct scitag_output output = {.cli = cli};
	struct fault fault = {.message = "no memory"};
	int code;

	if (registry_load(registry_path, &registry, &fault))
		return cli_usage(cli, "scitag: --registry: %s", fault.message);
	table_init(&output.table, cli->out, columns, sizeof(columns) / sizeof(columns[0]));
	code = actions[action].main(&output, registry, argument);
	if (!code && cli->output == OUTPUT_TABLE)
		table_flush(&output.table);
	table_done(&output.table);
	return code;
}

static int scitag_main(struct cli *cli, const char **arguments, void *pointer)
{
	const struct scitag_values *values = pointer;

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(arguments[0], actions[i].name) != 0)
			continue;
		if (actions[i].argument && !arguments[1])
			return cli_usage(cli, "scitag %s: %s is missing", actions[i].name,
					 actions[i].argument);
		if (!actions[i].argument && arguments[1])
			return cli_usage(cli, "scitag %s: unexpected argument '%s'",
					 actions[i].name, arguments[1]);
		return action_run(cli, i, values->registry, arguments[1]);
	}
	return cli_usage(cli, "scitag: '%s' is not encode, decode or list", arguments[0]);
}

const struct command scitag_command = {
	.name = "scitag",
	.arguments = "encode EXP[/ACT] | decode LABEL | list",
	.arguments_min = 1,
	.arguments_max = 2,
	.summary = "Convert between SciTags and flow labels, without an agent",
	.details =
		"EXP/ACT is 3/14, cms/14, cms/\"Analysis Input\" or the protocol value 206.\n"
		"Labels are shown with entropy bits of zero; decode ignores those bits.\n",
	.options = scitag_options,
	.values_size = sizeof(struct scitag_values),
	.main = scitag_main,
};
