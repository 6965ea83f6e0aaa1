/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics over HTTP, on loopback or a unix socket, for whoever asks: a page of numbers is no
 * secret to those who are on the host already. The main loop serves it; a page takes it about a
 * millisecond.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "cleanup.h"
#include "ops/http.h"
#include "ops/log.h"
#include "ops/loopback.h"
#include "ops/metrics_page.h"
#include "rpc/unix_listener.h"
#include "service/metrics.h"

static int write_page(void *user, char **ret_text, size_t *ret_size)
{
	const struct agent *agent = user;
	char *text = NULL;
	FILE *page;
	int r;

	if (!atomic_load(&agent->is_readable))
		return -EAGAIN;
	page = open_memstream(&text, ret_size);
	if (!page)
		return -ENOMEM;
	r = metrics_write(page, &agent->service, atomic_load(&agent->is_open));
	if (fclose(page) != 0 || r < 0) {
		free(text);
		return -ENOMEM;
	}
	*ret_text = text;
	return 0;
}

/* Returns the socket, or negative errno. */
static int listen_at(struct metrics *metrics, const char *address)
{
	const char *path = config_unix_path(address);
	int r;

	if (!path) {
		metrics->tcp = loopback_listen(address);
		return metrics->tcp;
	}
	r = unix_listener_new(path, &metrics->local);
	return r < 0 ? r : unix_listener_fd(metrics->local);
}

int agent_open_metrics(struct agent *agent)
{
	const char *address = agent->config.metrics.listen;
	struct http_options options = {.base = agent->base,
				       .path = "/metrics",
				       .type = METRICS_PAGE_TYPE,
				       .page = write_page,
				       .user = agent};
	int r;

	if (!address)
		return 0;
	options.listener = listen_at(&agent->metrics, address);
	r = options.listener < 0 ? options.listener : http_new(&options, &agent->metrics.http);
	if (r < 0)
		log_error("metrics.listen %s: %s", address, strerror(-r));
	else
		log_info("metrics at /metrics on %s", address);
	return r;
}

void agent_close_metrics(struct agent *agent)
{
	http_free(agent->metrics.http);
	unix_listener_free(agent->metrics.local);
	close_fd(&agent->metrics.tcp);
}
