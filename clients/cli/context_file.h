/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of contexts: named endpoints, and which of them is the current one.
 *
 *	current: dtn1
 *	contexts:
 *	  dtn1:
 *	    target: dtn1.example.org:50551
 *	    tls-ca: ca.pem
 *	    owner: rucio
 */
#ifndef WAYMARK_CLI_CONTEXT_FILE_H
#define WAYMARK_CLI_CONTEXT_FILE_H

#include "endpoint.h"
#include "option.h"

struct context {
	const char *name;
	struct endpoint endpoint;
};

/* Zero is an empty one that was never loaded. */
struct context_file {
	char *path;
	char *current; /* NULL: none */
	struct context *contexts;
	size_t count;
	char **texts; /* that contexts borrow */
	size_t text_count;
};

/* The keys of a context: each is its option's name without "--". Ends with a row without a
 * name. */
extern const struct option context_keys[];

/* $WAYMARK_CONFIG, else waymark/config.yaml in $XDG_CONFIG_HOME or ~/.config. The caller frees
 * it; NULL: there is no home. */
char *context_file_path(void);

/* Takes the path. A file that does not exist is an empty one. Paths in it are made relative to
 * its directory. 0, or -1 with one sentence in reason, which names file and line. */
int context_file_load(struct context_file *file, char *path, char reason[static REASON_MAX]);
void context_file_done(struct context_file *file);

/* NULL: no such context. */
struct context *context_file_find(const struct context_file *file, const char *name);
/* Adds an empty one. Pointers to other contexts become void. */
struct context *context_file_add(struct context_file *file, const char *name);
void context_file_remove(struct context_file *file, struct context *context);

/* Keeps a copy of the text for as long as the file. */
char *context_file_text(struct context_file *file, const char *text);

/* Is it fit for a name: letters, digits, '.', '_', '-', and no '-' in front? */
bool context_name_valid(const char *name);
#define CONTEXT_NAME_RULE "a name has letters, digits, '.', '_' and '-', and begins with no '-'"

/* What a key says in the file; NULL: nothing. The caller frees it. */
char *context_value(const struct context *context, const struct option *key);

/* Replaces the file in one step, readable for its owner only. 0, or -1 with one sentence in
 * reason: then it is as it was. */
int context_file_save(const struct context_file *file, char reason[static REASON_MAX]);

#endif
