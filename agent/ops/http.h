/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shows one page to whoever may connect, on libevent's loop: GET and HEAD of HTTP/1.0 and 1.1,
 * one request a connection, no bodies. Not evhttp: that of libevent 2.1 bounds neither the
 * connections nor the time of a request, which anew gets its whole time with each octet.
 *
 * Nothing here waits. The loop's thread only.
 */
#ifndef WAYMARK_HTTP_H
#define WAYMARK_HTTP_H

#include <stddef.h>

struct event_base;
struct http;

/* Request line and headers. Prometheus sends some 300 octets. */
#define HTTP_REQUEST_MAX 4096

/* Open at once; a scraper or two need one each. When there are more, the one that has been open
 * for the longest time ends: so nobody who is silent keeps others out, and what a flood can
 * make us hold is that many pages. */
#define HTTP_CONNECTIONS_MAX 16

/* From accept to the end, whatever comes meanwhile: what a scraper waits for by default. */
#define HTTP_CONNECTION_MS 10000

/* Octets behind the request that are read and thrown away, so that closing the connection does
 * not take the answer from whoever sent them. */
#define HTTP_REST_MAX 65536

/* Pause of the accept loop when the system has no descriptors or memory left. */
#define HTTP_ACCEPT_PAUSE_MS 100

/* When a page that is not there yet should be asked for again, s. */
#define HTTP_RETRY_S 1

struct http_options {
	struct event_base *base; /* borrowed, as is what follows, until http_free() */
	int listener; /* non-blocking */
	const char *path; /* "/metrics" */
	const char *type; /* of its content */
	/* Writes the page; the text is from malloc() and the caller's. 0; -EAGAIN: there is
	 * none yet; or another negative errno. */
	int (*page)(void *user, char **ret_text, size_t *ret_size);
	void *user;
};

/* Answers from here on. 0 or -ENOMEM. */
int http_new(const struct http_options *options, struct http **ret);

/* Ends all connections; the listener stays the caller's. NULL is fine. */
void http_free(struct http *http);

#endif
