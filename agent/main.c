/* SPDX-License-Identifier: Apache-2.0 */
/*
 * waymarkd: configure, log, load, attach, serve, drain. Or: clean up.
 */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "core/engine.h"
#include "core/registry.h"
#include "datapath/attach.h"
#include "datapath/clean.h"
#include "datapath/datapath.h"
#include "datapath/links.h"
#include "datapath/pin_folder.h"
#include "ops/log.h"
#include "ops/options.h"
#include "service/watch_hub.h"
#include "store/store.h"

/* Calls in flight get so long to finish when the agent stops. */
#define DRAIN_MS 2000

int agent_fail(int error, const char *step)
{
	log_error("cannot %s: %s", step, strerror(-error));
	return error;
}

static void stop(evutil_socket_t signal, short what, void *user)
{
	(void)what;
	log_info("stopping on signal %d", (int)signal);
	event_base_loopbreak(user);
}

/* From here on a signal waits until the main loop runs. */
static int catch_signals(struct agent *agent)
{
	signal(SIGPIPE, SIG_IGN);
	agent->base = event_base_new();
	if (!agent->base)
		return agent_fail(-ENOMEM, "make the main loop");
	agent->terminate = evsignal_new(agent->base, SIGTERM, stop, agent->base);
	agent->interrupt = evsignal_new(agent->base, SIGINT, stop, agent->base);
	if (!agent->terminate || !agent->interrupt || event_add(agent->terminate, NULL) < 0 ||
	    event_add(agent->interrupt, NULL) < 0)
		return agent_fail(-ENOMEM, "catch signals");
	return 0;
}

static int run(struct agent *agent)
{
	int r = catch_signals(agent);

	if (r == 0)
		r = agent_load_registry(agent);
	if (r == 0)
		r = agent_hold_namespace(agent);
	if (r == 0)
		r = agent_open_pins(agent);
	if (r == 0)
		r = agent_load_datapath(agent);
	if (r == 0)
		r = agent_prepare_attach(agent);
	if (r == 0)
		r = agent_open_store(agent);
	if (r == 0)
		r = agent_start_engine(agent);
	if (r == 0)
		r = agent_make_server(agent);
	/* Not before: what an earlier agent left marks until ours knows the marks, and an agent
	 * that nobody can reach attaches nothing. */
	if (r == 0)
		r = agent_attach_interfaces(agent);
	if (r == 0)
		r = agent_start_server(agent);
	if (r == 0 && event_base_dispatch(agent->base) < 0)
		r = agent_fail(-EIO, "run the main loop");
	return r;
}

static void clean_up(const struct agent *agent)
{
	struct clean_count count = clean(agent->pins);

	log_info("taken off: %u links, %u filters, %u other pins", count.links, count.filters,
		 count.pins);
}

/* --clean. A folder that is not there holds nothing of ours. */
static int clean_only(struct agent *agent)
{
	const char *path = agent->config.pin_dir;
	int r = agent_hold_namespace(agent);

	if (r == 0 && path[0] && access(path, F_OK) == 0)
		r = agent_open_pins(agent);
	if (r == 0)
		clean_up(agent);
	return r;
}

/* In reverse: nobody calls the engine any more once the server has drained. */
static void done(struct agent *agent)
{
	/* An agent that gave way to another one must not take that one's filters off. */
	const bool clean_after = agent->config.detach && agent->pins && agent->attach;

	if (agent->serving)
		rpc_server_drain(agent->server, DRAIN_MS);
	/* It reads what the engine has, and the engine calls it until its own end. */
	watch_hub_stop(agent->watches);
	engine_free(agent->engine);
	watch_hub_free(agent->watches);
	rpc_server_free(agent->server);
	if (agent->news)
		event_free(agent->news);
	links_close(agent->links);
	attach_free(agent->attach, agent->config.detach);
	datapath_close(agent->datapath);
	if (clean_after)
		clean_up(agent);
	pin_folder_close(agent->pins);
	if (agent->namespace >= 0)
		close(agent->namespace);
	store_close(agent->store);
	registry_free(agent->registry);
	if (agent->terminate)
		event_free(agent->terminate);
	if (agent->interrupt)
		event_free(agent->interrupt);
	if (agent->base)
		event_base_free(agent->base);
	config_done(&agent->config);
}

int main(int argc, char *argv[])
{
	struct agent agent = {.namespace = -1};
	enum options_action action;
	char error[CONFIG_ERROR_MAX];
	int r = options_read(argc, argv, &agent.config, &action, error);

	if (r < 0) {
		fprintf(stderr, "waymarkd: %s\n", error);
		config_done(&agent.config);
		return OPTIONS_EXIT_USAGE;
	}
	log_set(agent.config.log.level, agent.config.log.format);
	if (action == OPTIONS_HELP)
		options_print_help(stdout);
	else if (action == OPTIONS_VERSION)
		printf("waymarkd %s\n", WAYMARK_VERSION);
	else if (action == OPTIONS_RUN)
		r = run(&agent);
	else if (action == OPTIONS_CLEAN)
		r = clean_only(&agent);
	done(&agent);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
