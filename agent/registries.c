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

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
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
	struct stat file = {.st_ino = 0};
	int r;

	/* Before it is read: what is written meanwhile is read again next time. If it is not
	 * there, reading says so. */
	if (path && stat(path, &file) < 0)
		file = (struct stat){.st_ino = 0};
	else if (registries->n > 0 && is_same(&file, &registries->file))
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
