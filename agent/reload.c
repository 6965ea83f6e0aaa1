/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGHUP: configuration, registry, policy and certificates are read again. All of it is read
 * before any of it counts, so that a bad file changes nothing.
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "agent.h"
#include "cleanup.h"
#include "core/fault.h"
#include "datapath/links.h"
#include "now.h"
#include "ops/audit_log.h"
#include "ops/log.h"
#include "ops/options.h"
#include "service/policy.h"
#include "service/rate.h"

static int read_configuration(const struct agent *agent, struct config *config)
{
	enum options_action action;
	char error[CONFIG_ERROR_MAX];
	const char *file;
	int r = options_read(agent->argc, agent->argv, config, &action, &file, error);

	if (r < 0)
		log_error("%s", error);
	return r;
}

/* Fails without having changed anything that counts. */
static int read_files(struct agent *agent, const struct config *config)
{
	struct fault fault = {.message = "no memory for the registry"};
	const struct rpc_tls_files files = agent_tls_files(config);
	const struct tls_stamps stamps = agent_tls_stamps(&files);
	char policy_error[POLICY_ERROR_MAX];
	const char *error;
	int r = registries_load(&agent->registries, config->registry, &fault);

	if (r < 0) {
		log_error("%s", fault.message);
		return r;
	}
	r = policies_load(&agent->policies, config->policy,
			  registries_newest(&agent->registries), policy_error);
	if (r < 0) {
		log_error("%s", policy_error);
		return r;
	}
	if (!files.certificate)
		return 0;
	r = rpc_server_reload_tls(agent->server, &files, &error);
	if (r < 0)
		log_error("%s", error);
	else
		agent_tls_used(agent, &stamps);
	return r;
}

static void log_restart(const char *key, void *user)
{
	(void)user;
	log_warning("%s: has changed, which counts from the next start on", key);
}

static void apply(struct agent *agent, struct config *wanted)
{
	int r;

	config_change(&agent->config, wanted, log_restart, NULL);
	log_set(agent->config.log.level, agent->config.log.format);
	agent_use_registry(agent);
	rate_set(agent->service.rate, agent->config.limits.calls_per_second);
	agent->service.policy = policies_newest(&agent->policies);
	rpc_server_recheck(agent->server);
	if (agent->audit)
		audit_log_reopen(agent->audit);
	r = agent_want_interfaces(agent);
	if (r < 0)
		log_warning("cannot follow the interfaces: %s", strerror(-r));
}

/* systemd pairs RELOADING with the READY after it by the clock. */
static void tell_reloading(void)
{
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, now_on(CLOCK_MONOTONIC) / 1000);
}

void agent_reload(struct agent *agent)
{
	cleanup(config_done) struct config wanted;
	int r;

	tell_reloading();
	r = read_configuration(agent, &wanted);
	if (r == 0)
		r = read_files(agent, &wanted);
	if (r == 0) {
		apply(agent, &wanted);
		log_info("reloaded");
	} else {
		log_error("not reloaded: everything stays as it was");
	}
	sd_notify(0, "READY=1");
}
