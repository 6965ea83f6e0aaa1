/* SPDX-License-Identifier: Apache-2.0 */
/*
 * waymarkd: configure, log, load, attach, serve, drain. Or: clean up.
 */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "agent.h"
#include "core/engine.h"
#include "datapath/attach.h"
#include "datapath/clean.h"
#include "datapath/datapath.h"
#include "datapath/links.h"
#include "datapath/pin_folder.h"
#include "ops/audit_log.h"
#include "ops/log.h"
#include "ops/options.h"
#include "service/rate.h"
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
	struct agent *agent = user;

	(void)what;
	log_info("stopping on signal %d", (int)signal);
	agent->stopping = true;
	event_base_loopbreak(agent->base);
}

/* A start that is not over ends with it. */
static void hang_up(evutil_socket_t signal, short what, void *user)
{
	struct agent *agent = user;

	(void)signal;
	(void)what;
	agent->must_reload = !atomic_load(&agent->is_open);
	if (!agent->must_reload)
		agent_reload(agent);
}

/* From here on a signal waits until a step has ended. */
static int catch_signals(struct agent *agent)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a limit of the file's size is an error of the store */
	agent->base = event_base_new();
	if (!agent->base)
		return agent_fail(-ENOMEM, "make the main loop");
	agent->terminate = evsignal_new(agent->base, SIGTERM, stop, agent);
	agent->interrupt = evsignal_new(agent->base, SIGINT, stop, agent);
	agent->hangup = evsignal_new(agent->base, SIGHUP, hang_up, agent);
	if (!agent->terminate || !agent->interrupt || !agent->hangup ||
	    event_add(agent->terminate, NULL) < 0 || event_add(agent->interrupt, NULL) < 0 ||
	    event_add(agent->hangup, NULL) < 0)
		return agent_fail(-ENOMEM, "catch signals");
	return 0;
}

/* What came for the main loop while a step had the thread. */
static bool is_stopping(struct agent *agent)
{
	event_base_loop(agent->base, EVLOOP_NONBLOCK);
	return agent->stopping;
}

/* The server answers early, but refuses until the marks stand: whoever waits for them sees
 * that the agent is there. Interfaces come after the marks, so that what an earlier agent left
 * marks until ours knows them. Privileges go as soon as the programs are loaded, and before
 * there is a second thread. */
static int (*const steps[])(struct agent *agent) = {
	agent_load_registry,	 agent_load_policy,    agent_open_audit,
	agent_hold_namespace,	 agent_open_pins,      agent_load_datapath,
	agent_prepare_attach,	 agent_open_metrics,   agent_drop_privileges,
	agent_start_audit,	 agent_make_server,    agent_start_server,
	agent_open_store,	 agent_read_marks,     agent_start_engine,
	agent_attach_interfaces, agent_start_watchdog, agent_start_upkeep,
	agent_open_doors,
};

static int run(struct agent *agent)
{
	int r = catch_signals(agent);

	for (size_t i = 0; r == 0 && i < sizeof(steps) / sizeof(steps[0]); i++) {
		r = steps[i](agent);
		if (r == 0 && is_stopping(agent))
			return 0;
	}
	if (r == 0 && agent->must_reload)
		agent_reload(agent);
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

/* --check: what a configuration names as well. */
static int check_only(struct agent *agent)
{
	int r = agent_load_registry(agent);

	return r < 0 ? r : agent_load_policy(agent);
}

/* In reverse: nobody calls the engine any more once the server has drained. */
static void done(struct agent *agent)
{
	/* An agent that gave way to another one must not take that one's filters off. */
	const bool clean_after = agent->config.detach && agent->pins && agent->attach;

	/* Its pages read all that follows. */
	agent_close_metrics(agent);
	if (agent->answering) {
		sd_notify(0, "STOPPING=1");
		rpc_server_drain(agent->server, DRAIN_MS);
	}
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
	audit_log_close(agent->audit);
	rate_free(agent->service.rate);
	policies_done(&agent->policies);
	registries_done(&agent->registries);
	if (agent->upkeep.timer)
		event_free(agent->upkeep.timer);
	if (agent->watchdog.timer)
		event_free(agent->watchdog.timer);
	if (agent->terminate)
		event_free(agent->terminate);
	if (agent->interrupt)
		event_free(agent->interrupt);
	if (agent->hangup)
		event_free(agent->hangup);
	if (agent->base)
		event_base_free(agent->base);
	config_done(&agent->config);
}

static int act(struct agent *agent, enum options_action action, const char *file)
{
	switch (action) {
	case OPTIONS_RUN:
		return run(agent);
	case OPTIONS_CLEAN:
		return clean_only(agent);
	case OPTIONS_BACKUP:
		return agent_backup(agent, file);
	case OPTIONS_RESTORE:
		return agent_restore(agent, file);
	case OPTIONS_HELP:
		options_print_help(stdout);
		break;
	case OPTIONS_VERSION:
		printf("waymarkd %s\n", WAYMARK_VERSION);
		break;
	case OPTIONS_CHECK:
		return check_only(agent);
	}
	return 0;
}

int main(int argc, char *argv[])
{
	struct agent agent = {.namespace = -1, .metrics.tcp = -1, .argc = argc, .argv = argv};
	enum options_action action;
	char error[CONFIG_ERROR_MAX];
	const char *file;
	int r = options_read(argc, argv, &agent.config, &action, &file, error);

	if (r < 0) {
		fprintf(stderr, "waymarkd: %s\n", error);
		config_done(&agent.config);
		return OPTIONS_EXIT_USAGE;
	}
	log_set(agent.config.log.level, agent.config.log.format);
	r = act(&agent, action, file);
	done(&agent);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
