/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/yaml_reader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "ops/read_file.h"

/* ---- complaints ---- */

/* A complaint is one line, whatever the value that it quotes holds. */
static void hide_controls(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7F)
			*text = '?';
}

__attribute__((format(printf, 3, 0))) static int refuse_line(const struct yaml_reader *reader,
							     size_t line, const char *format,
							     va_list arguments)
{
	int length =
		snprintf(reader->error, YAML_READER_ERROR_MAX, "%s:%zu: ", reader->path, line);

	if (length < YAML_READER_ERROR_MAX)
		vsnprintf(reader->error + length, YAML_READER_ERROR_MAX - (size_t)length,
			  format, arguments);
	hide_controls(reader->error);
	return -EINVAL;
}

size_t yaml_line(const yaml_node_t *node)
{
	return node->start_mark.line + 1;
}

int yaml_refuse(const struct yaml_reader *reader, const yaml_node_t *node, const char *format,
		...)
{
	va_list arguments;
	int r;

	va_start(arguments, format);
	r = refuse_line(reader, yaml_line(node), format, arguments);
	va_end(arguments);
	return r;
}

__attribute__((format(printf, 3, 4))) static int refuse_at(const struct yaml_reader *reader,
							   size_t line, const char *format, ...)
{
	va_list arguments;
	int r;

	va_start(arguments, format);
	r = refuse_line(reader, line, format, arguments);
	va_end(arguments);
	return r;
}

/* ---- nodes ---- */

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

int yaml_check_type(const struct yaml_reader *reader, const char *name, const yaml_node_t *node,
		    yaml_node_type_t type, const char *expected)
{
	if (node->type == type)
		return 0;
	return yaml_refuse(reader, node, "%s is %s: must be %s", name, type_name(node),
			   expected);
}

static const char *text_of(const yaml_node_t *node)
{
	return (const char *)node->data.scalar.value;
}

static bool holds_nul(const yaml_node_t *node)
{
	return strlen(text_of(node)) != node->data.scalar.length;
}

bool yaml_is_plain(const yaml_node_t *node)
{
	return node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

int yaml_text(const struct yaml_reader *reader, const char *name, const yaml_node_t *node,
	      const char **ret)
{
	int r = yaml_check_type(reader, name, node, YAML_SCALAR_NODE, "a single value");
	const char *text;

	if (r < 0)
		return r;
	text = text_of(node);
	if (holds_nul(node))
		return yaml_refuse(reader, node, "%s: must not hold a NUL", name);
	if (yaml_is_plain(node) &&
	    (!text[0] || strcmp(text, "~") == 0 || strcmp(text, "null") == 0))
		return yaml_refuse(reader, node, "%s has no value", name);
	*ret = text;
	return 0;
}

static bool is_repeated(struct yaml_reader *reader, const yaml_node_t *mapping,
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

int yaml_each_member(struct yaml_reader *reader, const yaml_node_t *mapping, yaml_member *each,
		     void *user)
{
	const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;

	for (; pair < mapping->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = yaml_document_get_node(&reader->document, pair->key);
		int r;

		if (key->type != YAML_SCALAR_NODE || holds_nul(key))
			return yaml_refuse(reader, key, "a key must be a name");
		if (is_repeated(reader, mapping, pair))
			return yaml_refuse(reader, key, "%s is given twice", text_of(key));
		r = each(reader, key, text_of(key),
			 yaml_document_get_node(&reader->document, pair->value), user);
		if (r)
			return r;
	}
	return 0;
}

int yaml_each_item(struct yaml_reader *reader, const yaml_node_t *list,
		   int (*each)(struct yaml_reader *reader, const yaml_node_t *item, void *user),
		   void *user)
{
	const yaml_node_item_t *item = list->data.sequence.items.start;
	int r = 0;

	for (; r == 0 && item < list->data.sequence.items.top; item++)
		r = each(reader, yaml_document_get_node(&reader->document, *item), user);
	return r;
}

/* ---- the file ---- */

/* libyaml knows the line, but where the text is no UTF-8 only the octet. */
static int refuse_syntax(const struct yaml_reader *reader, const yaml_parser_t *parser)
{
	size_t line = parser->problem_mark.line + 1;

	if (parser->error == YAML_READER_ERROR)
		for (size_t i = 0; i < parser->problem_offset && i < reader->length; i++)
			line += reader->text[i] == '\n';
	return refuse_at(reader, line, "%s%s%s",
			 parser->problem ? parser->problem : "cannot be read",
			 parser->context ? " " : "", parser->context ? parser->context : "");
}

/* Whatever follows the first document would be ignored. */
static int refuse_more(struct yaml_reader *reader, const yaml_node_t *root)
{
	return yaml_refuse(reader, root, "a second document: must be one");
}

static int read_documents(struct yaml_reader *reader, yaml_parser_t *parser,
			  int (*root)(struct yaml_reader *reader, const yaml_node_t *mapping))
{
	int (*const read[])(struct yaml_reader * reader,
			    const yaml_node_t *mapping) = {root, refuse_more};

	for (size_t i = 0; i < sizeof(read) / sizeof(read[0]); i++) {
		const yaml_node_t *node;
		int r = 0;

		if (!yaml_parser_load(parser, &reader->document))
			return refuse_syntax(reader, parser);
		node = yaml_document_get_root_node(&reader->document);
		if (node && i == 0)
			r = yaml_check_type(reader, "the file", node, YAML_MAPPING_NODE,
					    "a mapping of keys");
		if (node && r == 0)
			r = read[i](reader, node);
		yaml_document_delete(&reader->document);
		if (r)
			return r;
	}
	return 0;
}

int yaml_load(struct yaml_reader *reader,
	      int (*root)(struct yaml_reader *reader, const yaml_node_t *mapping))
{
	cleanup(free_bytes) char *text = NULL;
	yaml_parser_t parser;
	int r = read_file(reader->path, &text, &reader->length);

	if (r == 0 && !yaml_parser_initialize(&parser))
		r = -ENOMEM;
	if (r < 0) {
		snprintf(reader->error, YAML_READER_ERROR_MAX, "%s: %s", reader->path,
			 strerrordesc_np(-r));
		return r;
	}
	reader->text = text;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, reader->length);
	r = read_documents(reader, &parser, root);
	yaml_parser_delete(&parser);
	return r;
}
