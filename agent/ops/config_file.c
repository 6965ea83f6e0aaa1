/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the configuration's YAML. libyaml's document is walked along the table of keys,
 * because its nodes know their lines: every complaint names one.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "cleanup.h"
#include "ops/config.h"
#include "ops/config_key.h"
#include "ops/read_file.h"

#define KEY_MAX 64

struct reader {
	const char *path;
	const char *directory; /* of path: "" or ends with '/' */
	char *error; /* CONFIG_ERROR_MAX */
	struct config *config;
	const char *text; /* the file */
	size_t length;
	yaml_document_t document;
};

/* ---- complaints ---- */

__attribute__((format(printf, 3, 4))) static int refuse(const struct reader *reader,
							size_t line, const char *format, ...)
{
	int length = snprintf(reader->error, CONFIG_ERROR_MAX, "%s:%zu: ", reader->path, line);
	va_list arguments;

	va_start(arguments, format);
	if (length < CONFIG_ERROR_MAX)
		vsnprintf(reader->error + length, CONFIG_ERROR_MAX - (size_t)length, format,
			  arguments);
	va_end(arguments);
	return -EINVAL;
}

static size_t line_of(const yaml_node_t *node)
{
	return node->start_mark.line + 1;
}

/* ---- values ---- */

static const char *type_name(const yaml_node_t *node)
{
	switch (node->type) {
	case YAML_SEQUENCE_NODE:
		return "a list";
	case YAML_MAPPING_NODE:
		return "a mapping";
	default:
		return "a single value";
	}
}

static int check_type(const struct reader *reader, const char *name, const yaml_node_t *node,
		      yaml_node_type_t type, const char *expected)
{
	if (node->type == type)
		return 0;
	return refuse(reader, line_of(node), "%s is %s: must be %s", name, type_name(node),
		      expected);
}

static const char *text_of(const yaml_node_t *node)
{
	return (const char *)node->data.scalar.value;
}

/* Text whose meaning depends on how it is written: ~, 5 and true are no strings. */
static bool is_plain(const yaml_node_t *node)
{
	return node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static int read_value(const struct reader *reader, const struct config_key *key,
		      const yaml_node_t *node)
{
	const bool is_text = key->type == CONFIG_PATH || key->type == CONFIG_TEXT_LIST;
	const char *text = text_of(node);
	char why[CONFIG_ERROR_MAX];

	if (strlen(text) != node->data.scalar.length)
		return refuse(reader, line_of(node), "%s: must not hold a NUL", key->name);
	if (is_plain(node) && (!text[0] || strcmp(text, "~") == 0 || strcmp(text, "null") == 0))
		return refuse(reader, line_of(node), "%s has no value", key->name);
	if (!is_text && !is_plain(node))
		return refuse(reader, line_of(node), "%s \"%s\": must not be quoted", key->name,
			      text);
	if (config_key_set(key, reader->config, text, reader->directory, why) < 0)
		return refuse(reader, line_of(node), "%s \"%s\": %s", key->name, text, why);
	return 0;
}

static int read_list(struct reader *reader, const struct config_key *key,
		     const yaml_node_t *node)
{
	const yaml_node_item_t *item = node->data.sequence.items.start;

	if (item == node->data.sequence.items.top && !key->may_be_empty)
		return refuse(reader, line_of(node), "%s: must not be empty", key->name);
	for (; item < node->data.sequence.items.top; item++) {
		const yaml_node_t *value = yaml_document_get_node(&reader->document, *item);
		int r = check_type(reader, key->name, value, YAML_SCALAR_NODE,
				   "a list of single values");

		if (r == 0)
			r = read_value(reader, key, value);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- keys ---- */

static int read_mapping(struct reader *reader, const char *group, const yaml_node_t *node);

static int read_member(struct reader *reader, const char *name, const yaml_node_t *name_node,
		       const yaml_node_t *value)
{
	const struct config_key *key = config_key_find(name);
	const bool is_group = config_key_is_group(name);
	int r;

	/* Dots are ours alone: a key spelled with one would be a second way to say it. */
	if ((!key && !is_group) || strchr(text_of(name_node), '.'))
		return refuse(reader, line_of(name_node), "%s: there is no such key", name);
	if (is_group)
		return check_type(reader, name, value, YAML_MAPPING_NODE, "a mapping")
			       ?: read_mapping(reader, name, value);
	if (key->type == CONFIG_TEXT_LIST)
		return check_type(reader, name, value, YAML_SEQUENCE_NODE, "a list")
			       ?: read_list(reader, key, value);
	r = check_type(reader, name, value, YAML_SCALAR_NODE, "a single value");
	return r < 0 ? r : read_value(reader, key, value);
}

static bool is_repeated(struct reader *reader, const yaml_node_t *mapping,
			const yaml_node_pair_t *pair)
{
	const char *name = text_of(yaml_document_get_node(&reader->document, pair->key));
	const yaml_node_pair_t *other = mapping->data.mapping.pairs.start;

	for (; other < pair; other++)
		if (strcmp(name,
			   text_of(yaml_document_get_node(&reader->document, other->key))) == 0)
			return true;
	return false;
}

/* Members of "group", or of the document where that is "". */
static int read_mapping(struct reader *reader, const char *group, const yaml_node_t *node)
{
	const yaml_node_pair_t *pair = node->data.mapping.pairs.start;

	for (; pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = yaml_document_get_node(&reader->document, pair->key);
		char name[KEY_MAX];
		int r;

		if (key->type != YAML_SCALAR_NODE ||
		    strlen(text_of(key)) != key->data.scalar.length)
			return refuse(reader, line_of(key), "a key must be a name");
		snprintf(name, sizeof(name), "%s%s%s", group, group[0] ? "." : "",
			 text_of(key));
		if (is_repeated(reader, node, pair))
			return refuse(reader, line_of(key), "%s is given twice", name);
		r = read_member(reader, name, key,
				yaml_document_get_node(&reader->document, pair->value));
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- the file ---- */

/* libyaml knows the line, but where the text is no UTF-8 only the octet. */
static int refuse_syntax(const struct reader *reader, const yaml_parser_t *parser)
{
	size_t line = parser->problem_mark.line + 1;

	if (parser->error == YAML_READER_ERROR)
		for (size_t i = 0; i < parser->problem_offset && i < reader->length; i++)
			line += reader->text[i] == '\n';
	return refuse(reader, line, "%s%s%s",
		      parser->problem ? parser->problem : "cannot be read",
		      parser->context ? " " : "", parser->context ? parser->context : "");
}

static int read_root(struct reader *reader)
{
	const yaml_node_t *root = yaml_document_get_root_node(&reader->document);
	int r;

	if (!root)
		return 0;
	r = check_type(reader, "the file", root, YAML_MAPPING_NODE, "a mapping of keys");
	return r < 0 ? r : read_mapping(reader, "", root);
}

/* Whatever follows the first document would be ignored. */
static int refuse_more(struct reader *reader)
{
	const yaml_node_t *root = yaml_document_get_root_node(&reader->document);

	return root ? refuse(reader, line_of(root), "a second document: must be one") : 0;
}

static int read_documents(struct reader *reader, yaml_parser_t *parser)
{
	int (*const read[])(struct reader * reader) = {read_root, refuse_more};

	for (size_t i = 0; i < sizeof(read) / sizeof(read[0]); i++) {
		int r;

		if (!yaml_parser_load(parser, &reader->document))
			return refuse_syntax(reader, parser);
		r = read[i](reader);
		yaml_document_delete(&reader->document);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_text(struct reader *reader)
{
	yaml_parser_t parser;
	int r;

	if (!yaml_parser_initialize(&parser))
		return refuse(reader, 1, "no memory");
	yaml_parser_set_input_string(&parser, (const unsigned char *)reader->text,
				     reader->length);
	r = read_documents(reader, &parser);
	yaml_parser_delete(&parser);
	return r;
}

int config_load(struct config *config, const char *path, char error[static CONFIG_ERROR_MAX])
{
	const char *slash = strrchr(path, '/');
	cleanup(free_bytes) char *directory =
		strndup(path, slash ? (size_t)(slash + 1 - path) : 0);
	cleanup(free_bytes) char *text = NULL;
	struct reader reader = {
		.path = path, .directory = directory, .error = error, .config = config};
	int r = directory ? read_file(path, &text, &reader.length) : -ENOMEM;

	if (r < 0)
		return config_refuse(error, "%s: %s", path, strerror(-r));
	reader.text = text;
	return read_text(&reader);
}
