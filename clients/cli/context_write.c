/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the file of contexts: a new file that takes the old one's place when it is on disk. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <yaml.h>

#include "agent/cleanup.h"
#include "context_file.h"
#include "text.h"

/* A node number, which is never 0. */
static int checked(int node)
{
	(void)must(node ? &node : NULL);
	return node;
}

static int add_text(yaml_document_t *document, const char *text)
{
	return checked(yaml_document_add_scalar(document, NULL, (const yaml_char_t *)text, -1,
						YAML_ANY_SCALAR_STYLE));
}

static int add_mapping(yaml_document_t *document)
{
	return checked(yaml_document_add_mapping(document, NULL, YAML_BLOCK_MAPPING_STYLE));
}

static void add_pair(yaml_document_t *document, int mapping, const char *name, int value)
{
	(void)checked(yaml_document_append_mapping_pair(document, mapping,
							add_text(document, name), value));
}

static int add_context(yaml_document_t *document, const struct context *context)
{
	int mapping = add_mapping(document);

	for (const struct option *key = context_keys; key->name; key++) {
		cleanup(free_bytes) char *value = context_value(context, key);

		if (value)
			add_pair(document, mapping, key->name + strlen("--"),
				 add_text(document, value));
	}
	return mapping;
}

static void fill_document(yaml_document_t *document, const struct context_file *file)
{
	int root = add_mapping(document);
	int contexts;

	if (file->current)
		add_pair(document, root, "current", add_text(document, file->current));
	contexts = add_mapping(document);
	add_pair(document, root, "contexts", contexts);
	for (size_t i = 0; i < file->count; i++)
		add_pair(document, contexts, file->contexts[i].name,
			 add_context(document, &file->contexts[i]));
}

/* 0 or -EIO. */
static int write_yaml(FILE *out, const struct context_file *file)
{
	yaml_document_t document;
	yaml_emitter_t emitter;
	int written;

	(void)must(yaml_emitter_initialize(&emitter) ? &emitter : NULL);
	(void)must(yaml_document_initialize(&document, NULL, NULL, NULL, 1, 1) ? &document
									       : NULL);
	fill_document(&document, file);
	yaml_emitter_set_output_file(&emitter, out);
	yaml_emitter_set_unicode(&emitter, 1);
	written = yaml_emitter_open(&emitter) && yaml_emitter_dump(&emitter, &document) &&
		  yaml_emitter_close(&emitter);
	yaml_emitter_delete(&emitter);
	return written ? 0 : -EIO;
}

/* Writes and syncs; closes fd. 0 or negative errno. */
static int write_fd(int fd, const struct context_file *file)
{
	FILE *out = must(fdopen(fd, "w"));
	int r = write_yaml(out, file);

	if (!r && (fflush(out) || fsync(fd)))
		r = -errno;
	if (fclose(out) && !r)
		r = -errno;
	return r;
}

/* Creates the directories above the path that are missing, for this user only. Failures show
 * when the file is made. */
static void make_directories(const char *path)
{
	cleanup(free_bytes) char *copy = must(strdup(path));

	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(copy, 0700);
		*slash = '/';
	}
}

int context_file_save(const struct context_file *file, char reason[static REASON_MAX])
{
	/* Behind a symbolic link is the file that is meant. */
	cleanup(free_bytes) char *real = realpath(file->path, NULL);
	const char *path = real ? real : file->path;
	cleanup(free_bytes) char *temporary = NULL;
	int fd, r;

	make_directories(path);
	(void)must(asprintf(&temporary, "%s.XXXXXX", path) < 0 ? NULL : temporary);
	fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 */
	r = fd < 0 ? -errno : write_fd(fd, file);
	if (!r && rename(temporary, path))
		r = -errno;
	if (!r)
		return 0;
	if (fd >= 0)
		(void)unlink(temporary);
	(void)snprintf(reason, REASON_MAX, "%.300s cannot be written: %s", path, strerror(-r));
	return -1;
}
