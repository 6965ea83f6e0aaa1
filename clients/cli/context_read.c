/* SPDX-License-Identifier: Apache-2.0 */
/* Loads the file of contexts. */
#include <errno.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/ops/yaml_reader.h"
#include "context_file.h"
#include "text.h"
#include "value.h"

_Static_assert(REASON_MAX >= YAML_READER_ERROR_MAX, "a reason holds what the reader says");

static const struct option *key_find(const char *name)
{
	const struct option *key = context_keys;

	while (key->name && strcmp(key->name + strlen("--"), name) != 0)
		key++;
	return key->name ? key : NULL;
}

/* A relative path belongs to the file's directory. */
static const char *resolve_path(struct context_file *file, const char *text)
{
	const char *slash = strrchr(file->path, '/');
	cleanup(free_bytes) char *path = NULL;

	if (text[0] == '/' || !slash)
		return context_file_text(file, text);
	(void)must(asprintf(&path, "%.*s/%s", (int)(slash - file->path), file->path, text) < 0
			   ? NULL
			   : path);
	return context_file_text(file, path);
}

static int read_flag_text(struct yaml_reader *reader, const char *name, const yaml_node_t *node,
			  const char *text, bool *ret)
{
	*ret = strcmp(text, "true") == 0;
	if (*ret || strcmp(text, "false") == 0)
		return 0;
	return yaml_refuse(reader, node, "%s '%s': not true or false", name, text);
}

/* One key of a context. */
static int read_key(struct yaml_reader *reader, const yaml_node_t *key_node, const char *name,
		    const yaml_node_t *node, void *user)
{
	struct context *context = user;
	const struct option *key = key_find(name);
	void *value = (char *)context + (key ? key->offset : 0);
	const char *text;
	char detail[REASON_MAX];
	int r;

	if (!key)
		return yaml_refuse(reader, key_node, "context '%s': there is no key '%s'",
				   context->name, name);
	r = yaml_text(reader, name, node, &text);
	if (r < 0)
		return r;
	if (!key->value)
		return read_flag_text(reader, name, node, text, value);
	text = strcmp(key->value, "FILE") == 0 && *text ? resolve_path(reader->user, text)
							: context_file_text(reader->user, text);
	if (!key->read(text, value, detail))
		return yaml_refuse(reader, node, "%s '%s': %.200s", name, text, detail);
	return 0;
}

static int read_context(struct yaml_reader *reader, const yaml_node_t *key, const char *name,
			const yaml_node_t *node, void *user)
{
	struct context *context;
	int r;

	(void)user;
	if (!context_name_valid(name))
		return yaml_refuse(reader, key, "context '%s': " CONTEXT_NAME_RULE, name);
	context = context_file_add(reader->user, name);
	r = yaml_check_type(reader, name, node, YAML_MAPPING_NODE, "a mapping")
		    ?: yaml_each_member(reader, node, read_key, context);
	if (!r && !context->endpoint.target)
		r = yaml_refuse(reader, key, "context '%s': target is missing", name);
	return r;
}

static int read_member(struct yaml_reader *reader, const yaml_node_t *key, const char *name,
		       const yaml_node_t *node, void *user)
{
	struct context_file *file = reader->user;
	const char *text;
	int r;

	(void)user;
	if (strcmp(name, "contexts") == 0)
		return yaml_check_type(reader, name, node, YAML_MAPPING_NODE, "a mapping")
			       ?: yaml_each_member(reader, node, read_context, NULL);
	if (strcmp(name, "current") != 0)
		return yaml_refuse(reader, key,
				   "there is no key '%s', but current and contexts", name);
	r = yaml_text(reader, name, node, &text);
	if (!r)
		file->current = must(strdup(text));
	return r;
}

static int read_root(struct yaml_reader *reader, const yaml_node_t *mapping)
{
	const struct context_file *file = reader->user;
	int r = yaml_each_member(reader, mapping, read_member, NULL);

	if (!r && file->current && !context_file_find(file, file->current))
		r = yaml_refuse(reader, mapping, "current '%s': there is no such context",
				file->current);
	return r;
}

int context_file_load(struct context_file *file, char *path, char reason[static REASON_MAX])
{
	struct yaml_reader reader = {.path = path, .error = reason, .user = file};
	int r;

	*file = (struct context_file){.path = path};
	r = yaml_load(&reader, read_root);
	return r == 0 || r == -ENOENT ? 0 : -1;
}
