/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps of the start: the gRPC server.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include "agent.h"
#include "core/fault.h"
#include "descriptor_set.h"
#include "now.h"
#include "ops/log.h"
#include "service/audit.h"
#include "service/policy.h"
#include "service/rate.h"

/* A client that came too early tries again after so long; most starts take less. */
#define START_RETRY_MS 1000

/* Errors of the C core's log, that are written in a second. */
#define GRPC_LINES 10

struct rpc_tls_files agent_tls_files(const struct config *config)
{
	return (struct rpc_tls_files){.certificate = config->tls.certificate,
				      .key = config->tls.key,
				      .client_ca = config->tls.client_ca};
}

/* The socket that systemd holds for this address, or -1. */
static int passed_socket(int n_passed, const char *address)
{
	const char *path = config_unix_path(address);

	if (!path)
		return -1;
	for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + n_passed; fd++)
		if (sd_is_socket_unix(fd, SOCK_STREAM, 1, path, 0) > 0)
			return fd;
	return -1;
}

/* Returns whether the socket was one of those that were passed, or negative errno. */
static int listen_at(struct agent *agent, const char *address, int n_passed)
{
	const struct rpc_tls_files files = agent_tls_files(&agent->config);
	const struct rpc_tls_files *tls = files.certificate ? &files : NULL;
	int r, fd = passed_socket(n_passed, address);
	const char *error;

	r = fd < 0 ? rpc_server_listen(agent->server, address, tls,
				       agent->config.insecure_loopback, &error)
		   : rpc_server_adopt(agent->server, address, fd, &error);
	if (r < 0) {
		log_error("%s", error);
		return r;
	}
	log_info("listening on %s%s", address, fd < 0 ? "" : ", a socket of systemd's");
	return fd >= 0;
}

/* A passed socket that nobody serves would let its clients wait for ever. */
static int listen_everywhere(struct agent *agent)
{
	const struct config_list *addresses = &agent->config.listen;
	const struct rpc_tls_files files = agent_tls_files(&agent->config);
	const struct tls_stamps stamps = agent_tls_stamps(&files);
	int adopted = 0, n_passed = sd_listen_fds(1);

	for (size_t i = 0; i < addresses->n; i++) {
		int r = listen_at(agent, addresses->items[i], n_passed);

		if (r < 0)
			return r;
		adopted += r;
	}
	agent_tls_used(agent, &stamps);
	if (n_passed <= adopted)
		return 0;
	log_error("%d of the sockets that systemd passed have no unix:/path in listen",
		  n_passed - adopted);
	return -EINVAL;
}

/* Every failed handshake is a line of the C core's: strangers must not fill the log. The lines
 * beyond those of a second are counted in the next one that is written. */
static bool is_too_much(unsigned int *ret_left_out)
{
	static _Atomic int64_t second;
	static atomic_uint lines;
	const int64_t now = now_on(CLOCK_MONOTONIC) / NANOSECONDS;
	unsigned int n = 0;

	if (atomic_exchange(&second, now) != now)
		n = atomic_exchange(&lines, 0);
	*ret_left_out = n > GRPC_LINES ? n - GRPC_LINES : 0;
	return atomic_fetch_add(&lines, 1) >= GRPC_LINES;
}

static void log_rpc(int severity, const char *text)
{
	unsigned int left_out = 0;

	if (severity == RPC_LOG_ERROR && is_too_much(&left_out))
		return;
	if (left_out)
		log_warning("grpc: %u lines left out", left_out);
	log_write(severity == RPC_LOG_ERROR ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG, NULL,
		  "grpc: %s", text);
}

/* Watches wait: what they tell comes from the writer. */
static bool only_reads(const struct rpc_method *method)
{
	return method->kind == RPC_UNARY && method->needs <= ACCESS_VIEWER;
}

/* Who may call is asked first: a stranger learns nothing of our state. */
static bool admit(const struct rpc_peer *peer, const struct rpc_method *method, void *user,
		  struct rpc_status *status)
{
	struct agent *agent = user;

	if (!service_admit(peer, method, &agent->service, status)) {
		atomic_fetch_add(&agent->service.calls.denied, 1);
		return false;
	}
	if (atomic_load(&agent->is_open) ||
	    (only_reads(method) && atomic_load(&agent->is_readable)))
		return true;
	rpc_status_set(status, FAULT_UNAVAILABLE, FAULT_REASON_STARTING,
		       "the agent starts and does not have its marks in force yet");
	status->retry_after_ms = START_RETRY_MS;
	return false;
}

static void refused(const struct rpc_call *call, const struct rpc_status *status, void *user)
{
	struct service *service = user;

	if (status->code > 0 && status->code < SERVICE_CODES)
		atomic_fetch_add(&service->calls.failed[status->code], 1);
	audit_refusal(service, call, status);
}

static bool throttle(const struct rpc_peer *peer, void *user, struct rpc_status *status)
{
	struct agent *agent = user;

	if (!service_throttle(peer, &agent->service, status))
		return false;
	atomic_fetch_add(&agent->service.calls.throttled, 1);
	return true;
}

/* Whoever connects waits until the server starts. */
int agent_make_server(struct agent *agent)
{
	const struct rpc_options options = {.error_domain = SERVICE_ERROR_DOMAIN,
					    .admit = admit,
					    .throttle = throttle,
					    .admit_user = agent,
					    .refused = refused,
					    .refused_user = &agent->service,
					    .pulse_ms = agent_pulse(agent),
					    .descriptor_set = descriptor_set,
					    .descriptor_set_size = descriptor_set_size()};
	int r;

	r = rate_new(agent->config.limits.calls_per_second, &agent->service.rate);
	if (r < 0)
		return agent_fail(r, "count calls");
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
