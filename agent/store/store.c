/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening and closing, and what the store says of itself.
 */
#include "store/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "store/explain.h"
#include "store/lock.h"
#include "store/state.h"

#define HISTORY_DEFAULT 1000000

DEFINE_CLEANUP(close_store, struct store *, store_close)

static int make_database(const char *directory, char *error)
{
	struct meta meta = {.revision = 0};
	char file[PATH_MAX];
	int r = file_path(directory, STORE_NEW_FILE, file, error);

	if (r == 0 && unlink(file) < 0 && errno != ENOENT)
		r = explain_errno(error, -errno, file);
	if (r == 0)
		r = file_stamp(file, ENVIRONMENT_CREATE, &meta, error);
	return r == 0 ? file_publish(directory, error) : r;
}

static void show_meta(struct store *store)
{
	store->revision = store->meta.revision;
	store->compact_revision = store->meta.compact_revision;
	store->last_lease = store->meta.last_lease;
}

static int open_database(struct store *store, const struct store_options *options, char *error)
{
	int r = lock_directory(options->directory, &store->lock_fd, error);

	if (r == 0)
		r = file_path(options->directory, STORE_FILE, store->file, error);
	if (r == 0 && access(store->file, F_OK) < 0 && errno == ENOENT)
		r = make_database(options->directory, error);
	if (r == 0)
		r = environment_open(&store->environment, store->file, ENVIRONMENT_WRITE,
				     error);
	if (r == 0)
		r = load_tables(&store->environment, store->file, &store->meta, &store->live,
				error);
	if (r < 0)
		return r;
	r = environment_claim(&store->environment);
	return r == 0 ? 0 : explain_errno(error, r, store->file);
}

int store_open(const struct store_options *options, struct store **ret,
	       char error[static STORE_ERROR_MAX])
{
	cleanup(close_store) struct store *store = calloc(1, sizeof(*store));
	int r;

	if (!store)
		return explain_errno(error, -ENOMEM, options->directory);
	store->lock_fd = -1;
	store->history = options->history ? options->history : HISTORY_DEFAULT;
	environment_init(&store->environment);
	r = open_database(store, options, error);
	if (r < 0)
		return r;
	memcpy(store->state_id, store->meta.state_id, sizeof(store->state_id));
	show_meta(store);
	*ret = take(store);
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	environment_done(&store->environment);
	live_done(&store->live);
	batch_done(&store->batch);
	if (store->lock_fd >= 0)
		close(store->lock_fd);
	free(store);
}

bool store_exists(const char *directory)
{
	char error[STORE_ERROR_MAX], path[PATH_MAX];

	return file_path(directory, STORE_FILE, path, error) == 0 &&
	       (access(path, F_OK) == 0 || errno != ENOENT);
}

void store_state_id(const struct store *store, uint8_t ret[static STORE_STATE_ID_SIZE])
{
	memcpy(ret, store->state_id, STORE_STATE_ID_SIZE);
}

uint64_t store_revision(const struct store *store)
{
	return store->revision;
}

uint64_t store_compact_revision(const struct store *store)
{
	return store->compact_revision;
}

uint64_t store_last_lease(const struct store *store)
{
	return store->last_lease;
}
