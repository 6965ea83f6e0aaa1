/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics over HTTP, on loopback, for whoever asks: a page of numbers is no secret to those who
 * are on the host already. libevent serves it from the main loop; a page takes it about a
 * millisecond. The gate of rpc/gate.h counts these connections with all others.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <event2/util.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "ops/log.h"
#include "ops/metrics_page.h"
#include "service/metrics.h"

/* Octets of request line and headers: a few times what Prometheus sends. There is no body. */
#define HEADERS_MAX 4096
/* A connection that neither sends nor takes anything ends after so long. Prometheus asks every
 * 15 s or more rarely, and connects again. */
#define IDLE_S 10
/* When to come again while the agent starts, s. */
#define START_RETRY "1"
/* Connections that wait to be accepted. */
#define BACKLOG 64

/* evhttp_send_error() would leave the header out. */
static void refuse(struct evhttp_request *request, int code, const char *reason,
		   const char *header, const char *value)
{
	evhttp_add_header(evhttp_request_get_output_headers(request), header, value);
	evhttp_send_reply(request, code, reason, NULL);
}

static void free_page(const void *data, size_t length, void *user)
{
	(void)length;
	(void)user;
	free((void *)data);
}

/* The page; the caller's to free. NULL: out of memory. */
static char *write_page(const struct agent *agent, size_t *ret_length)
{
	char *text = NULL;
	FILE *page = open_memstream(&text, ret_length);
	int r;

	if (!page)
		return NULL;
	r = metrics_write(page, &agent->service);
	if (fclose(page) == 0 && r == 0)
		return text;
	free(text);
	return NULL;
}

static void send_page(struct evhttp_request *request, const struct agent *agent)
{
	struct evbuffer *body = evhttp_request_get_output_buffer(request);
	size_t length = 0;
	char *page = write_page(agent, &length);

	if (!page || evbuffer_add_reference(body, page, length, free_page, NULL) < 0) {
		free(page);
		evhttp_send_error(request, HTTP_INTERNAL, "Out of memory");
		return;
	}
	evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type",
			  METRICS_PAGE_TYPE);
	evhttp_send_reply(request, HTTP_OK, "OK", NULL);
}

static void answer(struct evhttp_request *request, void *user)
{
	const enum evhttp_cmd_type method = evhttp_request_get_command(request);
	const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(request));
	const struct agent *agent = user;

	if (!path || strcmp(path, "/metrics") != 0)
		evhttp_send_error(request, HTTP_NOTFOUND, "Metrics are at /metrics");
	else if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD)
		refuse(request, HTTP_BADMETHOD, "Metrics can be read only", "Allow",
		       "GET, HEAD");
	else if (!atomic_load(&agent->is_readable))
		refuse(request, HTTP_SERVUNAVAIL, "The agent starts", "Retry-After",
		       START_RETRY);
	else
		send_page(request, agent);
}

static void limit(struct evhttp *http)
{
	evhttp_set_max_headers_size(http, HEADERS_MAX);
	evhttp_set_max_body_size(http, 0);
	evhttp_set_timeout(http, IDLE_S);
	/* All that it knows: the others it would leave without a word of what is allowed. */
	evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST |
						 EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
						 EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH);
}

/* Not evhttp_bind_socket(), which asks the resolver: that knows no 127.0.0.1 on a host that has
 * IPv6 only. */
static int bind_to(const struct agent *agent, const char *address)
{
	const unsigned int flags =
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE;
	struct sockaddr_storage at;
	struct evconnlistener *listener;
	int length = sizeof(at);

	if (evutil_parse_sockaddr_port(address, (struct sockaddr *)&at, &length) < 0)
		return -EINVAL;
	errno = 0;
	listener = evconnlistener_new_bind(agent->base, NULL, NULL, flags, BACKLOG,
					   (struct sockaddr *)&at, length);
	if (!listener)
		return errno ? -errno : -ENOMEM;
	if (evhttp_bind_listener(agent->metrics, listener))
		return 0;
	evconnlistener_free(listener);
	return -ENOMEM;
}

int agent_open_metrics(struct agent *agent)
{
	const char *address = agent->config.metrics.listen;
	int r;

	if (!address)
		return 0;
	r = rpc_guard_tcp();
	if (r < 0)
		return agent_fail(r, "count connections");
	agent->metrics = evhttp_new(agent->base);
	if (!agent->metrics)
		return agent_fail(-ENOMEM, "serve metrics");
	limit(agent->metrics);
	evhttp_set_gencb(agent->metrics, answer, agent);
	r = bind_to(agent, address);
	if (r < 0)
		log_error("metrics.listen %s: %s", address, strerror(-r));
	else
		log_info("metrics on http://%s/metrics", address);
	return r;
}
