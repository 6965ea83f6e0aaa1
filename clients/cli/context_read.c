/* SPDX-License-Identifier: Apache-2.0 */
/* Loads the file of contexts: libyaml's document, for its nodes know their lines. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <yaml.h>

#include "agent/cleanup.h"
#include "agent/ops/read_file.h"
#include "context_file.h"
#include "text.h"
#include "value.h"

struct reader {
	struct context_file *file;
	yaml_document_t document;
	char *reason; /* REASON_MAX */
};

/* What reads the value of one key of a mapping. */
typedef int member_reader(struct reader *reader, const char *name, const yaml_node_t *node,
			  void *user);

__attribute__((format(printf, 3, 4))) static int refuse(const struct reader *reader,
							size_t line, const char *format, ...)
{
	char detail[REASON_MAX];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(detail, sizeof(detail), format, arguments);
	va_end(arguments);
	(void)snprintf(reader->reason, REASON_MAX, "%.200s:%zu: %.300s", reader->file->path,
		       line, detail);
	return -1;
}

static size_t line_of(const yaml_node_t *node)
{
	return node->start_mark.line + 1;
}

/* NULL: no text, but a list or a mapping. */
static const char *text_of(const yaml_node_t *node)
{
	if (node->type != YAML_SCALAR_NODE ||
	    strlen((const char *)node->data.scalar.value) != node->data.scalar.length)
		return NULL;
	return (const char *)node->data.scalar.value;
}

static bool is_repeated(struct reader *reader, const yaml_node_t *mapping,
			const yaml_node_pair_t *pair, const char *name)
{
	const yaml_node_pair_t *other = mapping->data.mapping.pairs.start;

	for (; other < pair; other++) {
		const char *text =
			text_of(yaml_document_get_node(&reader->document, other->key));

		if (text && strcmp(text, name) == 0)
			return true;
	}
	return false;
}

static int read_mapping(struct reader *reader, const char *what, const yaml_node_t *node,
			member_reader *read, void *user)
{
	const yaml_node_pair_t *pair = node->data.mapping.pairs.start;

	if (node->type != YAML_MAPPING_NODE)
		return refuse(reader, line_of(node), "%s: must be a mapping", what);
	for (; pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = yaml_document_get_node(&reader->document, pair->key);
		const char *name = text_of(key);

		if (!name)
			return refuse(reader, line_of(key), "%s: a key must be a name", what);
		if (is_repeated(reader, node, pair, name))
			return refuse(reader, line_of(key), "%s: '%s' is given twice", what,
				      name);
		if (read(reader, name, yaml_document_get_node(&reader->document, pair->value),
			 user))
			return -1;
	}
	return 0;
}

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

static int read_flag_text(struct reader *reader, const struct option *key,
			  const yaml_node_t *node, const char *text, bool *ret)
{
	*ret = strcmp(text, "true") == 0;
	if (*ret || strcmp(text, "false") == 0)
		return 0;
	return refuse(reader, line_of(node), "%s '%s': not true or false",
		      key->name + strlen("--"), text);
}

static int read_key(struct reader *reader, const char *name, const yaml_node_t *node,
		    void *user)
{
	struct context *context = user;
	const struct option *key = key_find(name);
	const char *text = text_of(node);
	char detail[REASON_MAX];

	if (!key)
		return refuse(reader, line_of(node), "context '%s': there is no key '%s'",
			      context->name, name);
	if (!text)
		return refuse(reader, line_of(node), "%s: must be a single value", name);
	if (!key->value)
		return read_flag_text(reader, key, node, text,
				      (bool *)((char *)context + key->offset));
	if (strcmp(key->value, "FILE") == 0 && *text)
		text = resolve_path(reader->file, text);
	else
		text = context_file_text(reader->file, text);
	if (!key->read(text, (char *)context + key->offset, detail))
		return refuse(reader, line_of(node), "%s '%s': %.200s", name, text, detail);
	return 0;
}

static int read_context(struct reader *reader, const char *name, const yaml_node_t *node,
			void *user)
{
	struct context *context;

	(void)user;
	if (!context_name_valid(name))
		return refuse(reader, line_of(node), "context '%s': " CONTEXT_NAME_RULE, name);
	context = context_file_add(reader->file, name);
	if (read_mapping(reader, name, node, read_key, context))
		return -1;
	if (!context->endpoint.target)
		return refuse(reader, line_of(node), "context '%s': target is missing", name);
	return 0;
}

static int read_member(struct reader *reader, const char *name, const yaml_node_t *node,
		       void *user)
{
	(void)user;
	if (strcmp(name, "contexts") == 0)
		return read_mapping(reader, name, node, read_context, NULL);
	if (strcmp(name, "current") != 0)
		return refuse(reader, line_of(node),
			      "there is no key '%s': must be current or contexts", name);
	if (!text_of(node) || !*text_of(node))
		return refuse(reader, line_of(node), "current: must be a context's name");
	reader->file->current = must(strdup(text_of(node)));
	return 0;
}

static int read_document(struct reader *reader, yaml_parser_t *parser)
{
	const yaml_node_t *root;
	int r = 0;

	if (!yaml_parser_load(parser, &reader->document))
		return refuse(reader, parser->problem_mark.line + 1, "%s",
			      parser->problem ? parser->problem : "cannot be read");
	root = yaml_document_get_root_node(&reader->document);
	if (root)
		r = read_mapping(reader, "the file", root, read_member, NULL);
	yaml_document_delete(&reader->document);
	if (!r && reader->file->current &&
	    !context_file_find(reader->file, reader->file->current))
		r = refuse(reader, 1, "current '%s': there is no such context",
			   reader->file->current);
	return r;
}

int context_file_load(struct context_file *file, char *path, char reason[static REASON_MAX])
{
	struct reader reader = {.file = file, .reason = reason};
	cleanup(free_bytes) char *text = NULL;
	yaml_parser_t parser;
	size_t length;
	int r;

	*file = (struct context_file){.path = path};
	r = read_file(path, &text, &length);
	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		(void)snprintf(reason, REASON_MAX, "%.300s: %s", path, strerror(-r));
		return -1;
	}
	(void)must(yaml_parser_initialize(&parser) ? file : NULL);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
	r = read_document(&reader, &parser);
	yaml_parser_delete(&parser);
	return r;
}
