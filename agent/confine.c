/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A step of the start: gives up what only loading the programs needed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent.h"
#include "cleanup.h"
#include "datapath/attach.h"
#include "ops/log.h"
#include "ops/privileges.h"

/* Owns its paths. */
struct path_list {
	struct privileges_path *items;
	size_t n;
	bool is_incomplete; /* out of memory */
};

static void path_list_done(struct path_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free((char *)list->items[i].path);
	free(list->items);
}

/* Takes over the path; NULL: there is none. */
static void add_taken(struct path_list *list, char *path, enum privileges_access access)
{
	struct privileges_path *items;

	if (!path)
		return;
	items = reallocarray(list->items, list->n + 1, sizeof(*items));
	if (!items) {
		list->is_incomplete = true;
		free(path);
		return;
	}
	list->items = items;
	items[list->n++] = (struct privileges_path){.path = path, .access = access};
}

static void add(struct path_list *list, const char *path, enum privileges_access access)
{
	add_taken(list, path && path[0] ? strdup(path) : NULL, access);
}

/* Of a file or folder; the caller's to free. NULL: no path, or out of memory. */
static char *folder_of(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	if (!path || !path[0])
		return NULL;
	if (!slash)
		return strdup(".");
	return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static void add_folder(struct path_list *list, const char *path, enum privileges_access access)
{
	add_taken(list, folder_of(path), access);
}

/* A file to be read again: whoever changes it puts another one under its name, or under that
 * which a link leads to. */
static void add_readable(struct path_list *list, const char *path)
{
	cleanup(free_bytes) char *real = path ? realpath(path, NULL) : NULL;

	add_folder(list, path, PRIVILEGES_READ);
	add_folder(list, real, PRIVILEGES_READ);
}

static void list_paths(struct path_list *list, const struct config *config)
{
	add(list, config->state_dir, PRIVILEGES_WRITE);
	add(list, config->pin_dir, PRIVILEGES_WRITE);
	add_folder(list, config->pin_dir, PRIVILEGES_REMOVE_FOLDER);
	if (config->audit.file && strcmp(config->audit.file, "-") != 0)
		add_folder(list, config->audit.file, PRIVILEGES_WRITE);
	for (size_t i = 0; i < config->listen.n; i++)
		add_folder(list, config_unix_path(config->listen.items[i]), PRIVILEGES_WRITE);
	if (config->metrics.listen)
		add_folder(list, config_unix_path(config->metrics.listen), PRIVILEGES_WRITE);
	add_readable(list, config->file);
	add_readable(list, config->registry);
	add_readable(list, config->policy);
	add_readable(list, config->tls.certificate);
	add_readable(list, config->tls.key);
	add_readable(list, config->tls.client_ca);
}

/* Whoever uses a folder makes it, or says why it cannot; what holds from here on lets nobody
 * make one beside those that it knows. */
static void make_folders(const struct config *config)
{
	mkdir(config->state_dir, 0700);
	for (size_t i = 0; i < config->listen.n; i++) {
		cleanup(free_bytes) char *folder =
			folder_of(config_unix_path(config->listen.items[i]));

		if (folder)
			mkdir(folder, 0755);
	}
}

int agent_drop_privileges(struct agent *agent)
{
	cleanup(path_list_done) struct path_list list = {.n = 0};
	char error[PRIVILEGES_ERROR_MAX];
	struct privileges_options options;
	struct privileges_report report;
	int r;

	make_folders(&agent->config);
	list_paths(&list, &agent->config);
	if (list.is_incomplete)
		return agent_fail(-ENOMEM, "drop privileges");
	options = (struct privileges_options){.paths = list.items,
					      .n_paths = list.n,
					      .keep_net_admin =
						      attach_needs_net_admin(agent->attach)};
	r = privileges_drop(&options, &report, error);
	if (r < 0) {
		log_error("cannot drop privileges: %s", error);
		return r;
	}
	log_info("privileges dropped; capabilities kept: %s", report.kept);
	if (!report.files_restricted)
		log_warning("this kernel has no Landlock: which files may be opened is not "
			    "restricted");
	return 0;
}
