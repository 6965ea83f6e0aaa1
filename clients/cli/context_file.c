/* SPDX-License-Identifier: Apache-2.0 */
#include "context_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "value.h"

const struct option context_keys[] = {
	ENDPOINT_OPTIONS(struct context),
	{"--owner", 0, "WHO", NULL, "for whom writes act; default yourself", read_text,
	 offsetof(struct context, endpoint.owner)},
	{0},
};

char *context_file_path(void)
{
	const char *file = getenv("WAYMARK_CONFIG");
	const char *base = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");
	char *path = NULL;
	int length = 0;

	if (file && *file)
		return must(strdup(file));
	/* XDG: relative ones do not count. */
	if (base && base[0] == '/')
		length = asprintf(&path, "%s/waymark/config.yaml", base);
	else if (home && *home)
		length = asprintf(&path, "%s/.config/waymark/config.yaml", home);
	(void)must(length < 0 ? NULL : &path);
	return path;
}

bool context_name_valid(const char *name)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

	return *name && *name != '-' && !name[strspn(name, allowed)];
}

struct context *context_file_find(const struct context_file *file, const char *name)
{
	for (size_t i = 0; i < file->count; i++) {
		if (strcmp(file->contexts[i].name, name) == 0)
			return &file->contexts[i];
	}
	return NULL;
}

char *context_file_text(struct context_file *file, const char *text)
{
	file->texts =
		must(reallocarray(file->texts, file->text_count + 1, sizeof(*file->texts)));
	file->texts[file->text_count] = must(strdup(text));
	return file->texts[file->text_count++];
}

struct context *context_file_add(struct context_file *file, const char *name)
{
	file->contexts =
		must(reallocarray(file->contexts, file->count + 1, sizeof(*file->contexts)));
	file->contexts[file->count] = (struct context){.name = context_file_text(file, name)};
	return &file->contexts[file->count++];
}

void context_file_remove(struct context_file *file, struct context *context)
{
	size_t behind = (size_t)(file->contexts + file->count - context) - 1;

	memmove(context, context + 1, behind * sizeof(*context));
	file->count--;
}

void context_file_done(struct context_file *file)
{
	for (size_t i = 0; i < file->text_count; i++)
		free(file->texts[i]);
	free(file->texts);
	free(file->contexts);
	free(file->current);
	free(file->path);
}

char *context_value(const struct context *context, const struct option *key)
{
	const void *value = (const char *)context + key->offset;
	char *text = NULL;

	if (key->read == read_flag)
		return *(const bool *)value ? must(strdup("true")) : NULL;
	if (key->read == read_text)
		return *(char *const *)value ? must(strdup(*(char *const *)value)) : NULL;
	if (!*(const int64_t *)value)
		return NULL;
	(void)must(asprintf(&text, "%lld.%03d", (long long)(*(const int64_t *)value / 1000),
			    (int)(*(const int64_t *)value % 1000)) < 0
			   ? NULL
			   : text);
	return text;
}
