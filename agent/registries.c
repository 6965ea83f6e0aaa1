/* SPDX-License-Identifier: Apache-2.0 */
#include "registries.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "core/registry.h"
#include "ops/registry_file.h"

void registries_done(struct registries *registries)
{
	for (size_t i = 0; i < registries->n; i++)
		registry_free(registries->items[i]);
	free(registries->items);
	*registries = (struct registries){.items = NULL};
}

static int add(struct registries *registries, const char *path, struct fault *fault)
{
	struct registry **items =
		reallocarray(registries->items, registries->n + 1, sizeof(*items));
	int r;

	if (!items)
		return -ENOMEM;
	registries->items = items;
	r = registry_load(path, &items[registries->n], fault);
	registries->n += r == 0;
	return r;
}

int registries_load(struct registries *registries, const char *path, struct fault *fault)
{
	const struct file_stamp file = file_stamp_of(path);
	const bool is_missing = path && file_stamp_is_none(&file);
	int r;

	/* If it is missing, reading says so. */
	if (registries->n > 0 && !is_missing && file_stamp_equal(&file, &registries->file))
		return 0;
	r = add(registries, path, fault);
	if (r == 0)
		registries->file = file;
	return r;
}

const struct registry *registries_newest(const struct registries *registries)
{
	return registries->items[registries->n - 1];
}
