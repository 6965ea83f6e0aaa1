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

typedef int scitag_action(struct scitag_output *output, const struct registry *registry,
			  const char *argument);

static int scitag_run(struct cli *cli, const char *argument, const struct scitag_values *values,
		      scitag_action *action)
{
	cleanup(free_registry) struct registry *registry = NULL;
	struct scitag_output output = {.cli = cli};
	struct fault fault = {.message = "no memory"};
	int code;

	if (registry_load(values->registry, &registry, &fault))
		return cli_usage(cli, "scitag: --registry: %s", fault.message);
	table_init(&output.table, cli->out, columns, sizeof(columns) / sizeof(columns[0]));
	code = action(&output, registry, argument);
	if (!code && cli->output == OUTPUT_TABLE)
		table_flush(&output.table);
	table_done(&output.table);
	return code;
}

static int encode_main(struct cli *cli, const char **arguments, void *values)
{
	return scitag_run(cli, arguments[0], values, scitag_encode_main);
}

static int decode_main(struct cli *cli, const char **arguments, void *values)
{
	return scitag_run(cli, arguments[0], values, scitag_decode_main);
}

static int list_main(struct cli *cli, const char **arguments, void *values)
{
	return scitag_run(cli, arguments[0], values, scitag_list_main);
}

static const struct command encode_command = {
	.name = "scitag encode",
	.arguments = "EXP[/ACT]",
	.arguments_min = 1,
	.arguments_max = 1,
	.summary = "Show the flow label of a SciTag",
	.details =
		"EXP/ACT is 3/14, cms/14, cms/\"Analysis Input\" or the protocol value 206.\n"
		"The label is shown with entropy bits of zero.\n",
	.options = scitag_options,
	.values_size = sizeof(struct scitag_values),
	.local = true,
	.main = encode_main,
};

static const struct command decode_command = {
	.name = "scitag decode",
	.arguments = "LABEL",
	.arguments_min = 1,
	.arguments_max = 1,
	.summary = "Show the SciTag of a flow label; its entropy bits are ignored",
	.options = scitag_options,
	.values_size = sizeof(struct scitag_values),
	.local = true,
	.main = decode_main,
};

static const struct command scitag_list_command = {
	.name = "scitag list",
	.arguments = "",
	.summary = "Show all SciTags of the registry",
	.options = scitag_options,
	.values_size = sizeof(struct scitag_values),
	.local = true,
	.main = list_main,
};

static const struct command *const members[] = {
	&encode_command,
	&decode_command,
	&scitag_list_command,
	NULL,
};

const struct command scitag_command = {
	.name = "scitag",
	.arguments = "",
	.summary = "Convert between SciTags and flow labels, without an agent",
	.members = members,
};
