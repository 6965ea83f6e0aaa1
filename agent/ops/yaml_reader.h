/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks a YAML file of one document, because libyaml's nodes know their lines: every complaint
 * names file and line. One thread at a time.
 */
#ifndef WAYMARK_YAML_READER_H
#define WAYMARK_YAML_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

#define YAML_READER_ERROR_MAX 512

struct yaml_reader {
	const char *path;
	char *error; /* YAML_READER_ERROR_MAX octets, filled by yaml_refuse() */
	void *user;
	/* The reader's own. */
	const char *text;
	size_t length;
	yaml_document_t document;
};

/* Reads reader->path and calls `root` with its mapping; not at all for an empty file. 0; what
 * `root` returned; -EINVAL with "file:line: what is wrong"; -ENOMEM or why the file cannot be
 * read, with `error` filled. */
int yaml_load(struct yaml_reader *reader,
	      int (*root)(struct yaml_reader *reader, const yaml_node_t *mapping));

/* Fills the error with "file:line: " and the rest; returns -EINVAL. */
__attribute__((format(printf, 3, 4))) int
yaml_refuse(const struct yaml_reader *reader, const yaml_node_t *node, const char *format, ...);

/* From 1. */
size_t yaml_line(const yaml_node_t *node);

/* 0, or -EINVAL: "NAME is a list: must be EXPECTED". */
int yaml_check_type(const struct yaml_reader *reader, const char *name, const yaml_node_t *node,
		    yaml_node_type_t type, const char *expected);

/* Was it written without quotes? Then ~, 5 and true are no strings. */
bool yaml_is_plain(const yaml_node_t *node);

/* The text of a single value. *ret is borrowed. 0, or -EINVAL if it is no single value, holds a
 * NUL, or is none at all (~, null or nothing). */
int yaml_text(const struct yaml_reader *reader, const char *name, const yaml_node_t *node,
	      const char **ret);

/* A member of a mapping: its key, and its value. Non-zero ends the walk. */
typedef int yaml_member(struct yaml_reader *reader, const yaml_node_t *key, const char *name,
			const yaml_node_t *value, void *user);

/* Calls `each` for every member. 0; what `each` returned; -EINVAL for a key that is no name or
 * is given twice. */
int yaml_each_member(struct yaml_reader *reader, const yaml_node_t *mapping, yaml_member *each,
		     void *user);

/* Calls `each` for every item of a list, until it returns non-zero; returns that, or 0. */
int yaml_each_item(struct yaml_reader *reader, const yaml_node_t *list,
		   int (*each)(struct yaml_reader *reader, const yaml_node_t *item, void *user),
		   void *user);

#endif
