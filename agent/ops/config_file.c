/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the configuration's YAML along the table of keys.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "ops/config.h"
#include "ops/config_key.h"
#include "ops/yaml_reader.h"

#define KEY_MAX 64

_Static_assert(CONFIG_ERROR_MAX == YAML_READER_ERROR_MAX, "one buffer for both");

struct config_reader {
	struct yaml_reader yaml; /* first */
	const char *directory; /* of the file: "" or ends with '/' */
	struct config *config;
};

static int read_value(struct yaml_reader *yaml, const struct config_key *key,
		      const yaml_node_t *node)
{
	const struct config_reader *reader = (const struct config_reader *)yaml;
	const bool is_text = key->type == CONFIG_TEXT || key->type == CONFIG_PATH ||
			     key->type == CONFIG_TEXT_LIST;
	char why[CONFIG_ERROR_MAX];
	const char *text;
	int r = yaml_text(yaml, key->name, node, &text);

	if (r < 0)
		return r;
	if (!is_text && !yaml_is_plain(node))
		return yaml_refuse(yaml, node, "%s \"%s\": must not be quoted", key->name,
				   text);
	if (config_key_set(key, reader->config, text, reader->directory, why) < 0)
		return yaml_refuse(yaml, node, "%s \"%s\": %s", key->name, text, why);
	return 0;
}

static int read_item(struct yaml_reader *yaml, const yaml_node_t *item, void *user)
{
	const struct config_key *key = user;
	int r = yaml_check_type(yaml, key->name, item, YAML_SCALAR_NODE,
				"a list of single values");

	return r < 0 ? r : read_value(yaml, key, item);
}

static int read_list(struct yaml_reader *yaml, const struct config_key *key,
		     const yaml_node_t *node)
{
	int r = yaml_check_type(yaml, key->name, node, YAML_SEQUENCE_NODE, "a list");

	if (r < 0)
		return r;
	if (node->data.sequence.items.start == node->data.sequence.items.top &&
	    !key->may_be_empty)
		return yaml_refuse(yaml, node, "%s: must not be empty", key->name);
	return yaml_each_item(yaml, node, read_item, (void *)key);
}

/* `user` is the name of the group that the member is in; "": of none. */
static int read_member(struct yaml_reader *yaml, const yaml_node_t *key_node, const char *text,
		       const yaml_node_t *value, void *user)
{
	const char *group = user;
	const struct config_key *key;
	char name[KEY_MAX];
	int r;

	snprintf(name, sizeof(name), "%s%s%s", group, group[0] ? "." : "", text);
	key = config_key_find(name);
	/* Dots are ours alone: a key spelled with one would be a second way to say it. */
	if ((!key && !config_key_is_group(name)) || strchr(text, '.'))
		return yaml_refuse(yaml, key_node, "%s: there is no such key", name);
	if (key)
		return key->type == CONFIG_TEXT_LIST ? read_list(yaml, key, value)
						     : read_value(yaml, key, value);
	r = yaml_check_type(yaml, name, value, YAML_MAPPING_NODE, "a mapping");
	return r < 0 ? r : yaml_each_member(yaml, value, read_member, name);
}

static int read_root(struct yaml_reader *yaml, const yaml_node_t *mapping)
{
	return yaml_each_member(yaml, mapping, read_member, (char *)"");
}

int config_load(struct config *config, const char *path, char error[static CONFIG_ERROR_MAX])
{
	const char *slash = strrchr(path, '/');
	cleanup(free_bytes) char *directory =
		strndup(path, slash ? (size_t)(slash + 1 - path) : 0);
	struct config_reader reader = {.yaml = {.path = path, .error = error},
				       .directory = directory,
				       .config = config};

	free(config->file);
	config->file = strdup(path);
	if (!directory || !config->file)
		return config_refuse(error, "%s: no memory", path);
	return yaml_load(&reader.yaml, read_root) < 0 ? -EINVAL : 0;
}
