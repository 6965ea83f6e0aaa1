/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps of the start: the state on disk. And its copies.
 */
#include <errno.h>
#include <string.h>

#include "agent.h"
#include "datapath/datapath.h"
#include "ops/log.h"
#include "store/store.h"

static int count_pinned(const struct match *match, uint32_t slot, void *user)
{
	size_t *count = user;

	(void)match;
	(void)slot;
	(*count)++;
	return 0;
}

/* A file system that was not mounted looks like an agent without marks. Whoever then starts
 * with none would take those off that are in force. */
static int refuse_lost_state(const struct agent *agent)
{
	const char *directory = agent->config.state_dir;
	size_t pinned = 0;

	if (!agent->pins || store_exists(directory))
		return 0;
	datapath_each_pinned(agent->datapath, count_pinned, &pinned);
	if (pinned == 0)
		return 0;
	log_error("state directory %s has no marks, but %zu are in force, pinned in %s; they "
		  "stay so. Bring the directory back, or --restore a backup, or give them up "
		  "with --clean, then start again",
		  directory, pinned, agent->config.pin_dir);
	return -ENOENT;
}

int agent_open_store(struct agent *agent)
{
	const struct store_options options = {.directory = agent->config.state_dir,
					      .history = agent->config.history};
	char error[STORE_ERROR_MAX] = "";
	int r = refuse_lost_state(agent);

	if (r < 0)
		return r;
	r = store_open(&options, &agent->store, error);
	if (r < 0)
		log_error("%s", error);
	return r;
}

void agent_store_failed(int error, void *user)
{
	struct agent *agent = user;

	atomic_store(&agent->service.store_failed, error < 0);
	if (error < 0)
		log_error("the store in %s cannot be written: %s; writes are refused until it "
			  "can",
			  agent->config.state_dir, strerror(-error));
	else
		log_info("the store in %s can be written again", agent->config.state_dir);
	rpc_server_set_ill(agent->server, agent->methods.name, error < 0);
}

int agent_backup(const struct agent *agent, const char *file)
{
	char error[STORE_ERROR_MAX] = "";
	int r = store_backup(agent->config.state_dir, file, error);

	if (r < 0)
		log_error("%s", error);
	return r;
}

int agent_restore(const struct agent *agent, const char *file)
{
	const struct store_options options = {.directory = agent->config.state_dir,
					      .history = agent->config.history};
	char error[STORE_ERROR_MAX] = "";
	int r = store_restore(&options, file, error);

	if (r < 0)
		log_error("%s", error);
	return r;
}
