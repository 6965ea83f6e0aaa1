/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps of the start: the gRPC server.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "agent.h"
#include "core/fault.h"
#include "descriptor_set.h"
#include "ops/log.h"

/* A client that came too early tries again after so long; most starts take less. */
#define START_RETRY_MS 1000

struct rpc_tls_files agent_tls_files(const struct config *config)
{
	return (struct rpc_tls_files){.certificate = config->tls.certificate,
				      .key = config->tls.key,
				      .client_ca = config->tls.client_ca};
}

static int listen_everywhere(struct agent *agent)
{
	const struct config *config = &agent->config;
	const struct rpc_tls_files files = agent_tls_files(config);
	const struct rpc_tls_files *tls = files.certificate ? &files : NULL;

	for (size_t i = 0; i < config->listen.n; i++) {
		const char *error;
		int r = rpc_server_listen(agent->server, config->listen.items[i], tls,
					  config->insecure_loopback, &error);

		if (r < 0) {
			log_error("%s", error);
			return r;
		}
		log_info("listening on %s", config->listen.items[i]);
	}
	return 0;
}

static void log_rpc(int severity, const char *text)
{
	log_write(severity == RPC_LOG_ERROR ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG, NULL,
		  "grpc: %s", text);
}

/* Who may call is asked first: a stranger learns nothing of our state. */
static bool admit(const struct rpc_peer *peer, const struct rpc_method *method, void *user,
		  struct rpc_status *status)
{
	const struct agent *agent = user;

	if (!service_admit(peer, method, NULL, status))
		return false;
	if (atomic_load(&agent->is_open))
		return true;
	rpc_status_set(status, FAULT_UNAVAILABLE, FAULT_REASON_STARTING,
		       "the agent starts and does not know its marks yet");
	status->retry_after_ms = START_RETRY_MS;
	return false;
}

/* Whoever connects waits until the server starts. */
int agent_make_server(struct agent *agent)
{
	const struct rpc_options options = {.error_domain = SERVICE_ERROR_DOMAIN,
					    .admit = admit,
					    .admit_user = agent,
					    .descriptor_set = descriptor_set,
					    .descriptor_set_size = descriptor_set_size()};
	int r;

	agent->methods = service_methods(&agent->service);
	rpc_set_log(log_rpc);
	r = rpc_server_new(&options, &agent->server);
	if (r == 0)
		r = rpc_server_add_service(agent->server, &agent->methods);
	if (r < 0)
		return agent_fail(r, "make the server");
	return listen_everywhere(agent);
}

int agent_start_server(struct agent *agent)
{
	int r = rpc_server_start(agent->server);

	if (r < 0)
		return agent_fail(r, "start the server");
	agent->answering = true;
	return 0;
}

int agent_open_doors(struct agent *agent)
{
	atomic_store(&agent->is_open, true);
	rpc_server_set_serving(agent->server, true);
	log_info("serving, version %s", WAYMARK_VERSION);
	sd_notify(0, "READY=1");
	return 0;
}
