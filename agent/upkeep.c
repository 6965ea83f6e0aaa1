/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the main loop looks after by itself, without anybody's signal: certificate files that
 * were replaced, certificates that will expire, connections that were turned away.
 *
 * Files are looked at by their stamps, not with inotify: that sees a renamed file, a symbolic
 * link that points elsewhere (as Kubernetes does it) and a network file system alike, and costs
 * three system calls.
 */
#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#include "agent.h"
#include "now.h"
#include "ops/log.h"
#include "rpc/gate.h"

#define LOOK_S 2

#define DAY INT64_C(86400)
/* Days before the end: a warning a day, then an error a day. */
#define WARN_DAYS 30
#define ALARM_DAYS 7

struct tls_stamps agent_tls_stamps(const struct rpc_tls_files *files)
{
	return (struct tls_stamps){.files = {file_stamp_of(files->certificate),
					     file_stamp_of(files->key),
					     file_stamp_of(files->client_ca)}};
}

static bool are_equal(const struct tls_stamps *a, const struct tls_stamps *b)
{
	return file_stamp_equal(&a->files[0], &b->files[0]) &&
	       file_stamp_equal(&a->files[1], &b->files[1]) &&
	       file_stamp_equal(&a->files[2], &b->files[2]);
}

static void reload_certificates(struct agent *agent, const struct rpc_tls_files *files)
{
	const char *error;
	const int r = rpc_server_reload_tls(agent->server, files, &error);

	atomic_store(&agent->service.certificate_outdated, r < 0);
	if (r < 0)
		log_error("%s; new connections get the certificate from before", error);
	else
		log_info("new connections get what %s holds now", files->certificate);
}

/* A pair is replaced file by file: what has changed counts once it stands still. */
static void look_at_files(struct agent *agent, const struct rpc_tls_files *files)
{
	struct upkeep *upkeep = &agent->upkeep;
	const struct tls_stamps now = agent_tls_stamps(files);
	const bool stands_still = are_equal(&now, &upkeep->seen);

	upkeep->seen = now;
	if (!stands_still || are_equal(&now, &upkeep->tried))
		return;
	upkeep->tried = now;
	reload_certificates(agent, files);
}

/* Once for each day that is left. */
static void look_at_expiry(struct agent *agent, const char *certificate)
{
	struct upkeep *upkeep = &agent->upkeep;
	const int64_t end = rpc_server_tls_expiry(agent->server);
	const int64_t left = end - now_on(CLOCK_REALTIME) / NANOSECONDS;
	const int64_t days = left < 0 ? -1 : left / DAY;

	atomic_store(&agent->service.certificate_end, end);
	if (days == upkeep->told_days)
		return;
	upkeep->told_days = days;
	if (days < 0)
		log_error("certificate %s has expired: clients will not connect", certificate);
	else if (days < WARN_DAYS)
		log_write(days < ALARM_DAYS ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, NULL,
			  "certificate %s expires in %" PRId64 " days", certificate, days);
}

static void look_at_gate(struct upkeep *upkeep)
{
	const struct gate_refusals now = gate_refusals();
	const struct gate_refusals *told = &upkeep->told;

	if (memcmp(&now, told, sizeof(now)) == 0)
		return;
	log_warning("TCP connections refused: %" PRIu64 " of peers that have too many, %" PRIu64
		    " beyond those in all, %" PRIu64 " without a descriptor left",
		    now.peer - told->peer, now.full - told->full,
		    now.descriptors - told->descriptors);
	upkeep->told = now;
}

static void look(evutil_socket_t fd, short what, void *user)
{
	struct agent *agent = user;
	const struct rpc_tls_files files = agent_tls_files(&agent->config);

	(void)fd;
	(void)what;
	if (files.certificate) {
		look_at_files(agent, &files);
		look_at_expiry(agent, files.certificate);
	}
	look_at_gate(&agent->upkeep);
}

void agent_tls_used(struct agent *agent, const struct tls_stamps *stamps)
{
	agent->upkeep.seen = agent->upkeep.tried = *stamps;
	atomic_store(&agent->service.certificate_outdated, false);
}

int agent_start_upkeep(struct agent *agent)
{
	const struct timeval every = {.tv_sec = LOOK_S};
	struct upkeep *upkeep = &agent->upkeep;

	upkeep->told_days = INT64_MAX;
	upkeep->timer = event_new(agent->base, -1, EV_PERSIST, look, agent);
	if (!upkeep->timer || event_add(upkeep->timer, &every) < 0)
		return agent_fail(-ENOMEM, "start the upkeep");
	look(-1, 0, agent);
	return 0;
}
