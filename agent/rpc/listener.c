/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/listener.h"

#include <errno.h>
#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "cleanup.h"
#include "now.h"
#include "rpc/address.h"
#include "rpc/fd_table.h"
#include "rpc/gate.h"
#include "rpc/internal.h"
#include "rpc/limits.h"
#include "rpc/probe.h"
#include "rpc/signals.h"
#include "rpc/tls.h"
#include "rpc/unix_listener.h"

#define UNIX_PREFIX "unix:"

struct listener {
	struct listener *next;
	int port; /* 0: a unix socket */
	struct tls *tls, *fresh; /* fresh: read, but not in use yet */
	struct unix_listener *socket;
	grpc_server_credentials *socket_credentials;
	struct rpc_server *server;
	char *address; /* as it was given */
	struct probe probe;
};

static void listener_free(struct listener *listener)
{
	unix_listener_free(listener->socket);
	if (listener->socket_credentials)
		grpc_server_credentials_release(listener->socket_credentials);
	tls_free(listener->tls);
	tls_free(listener->fresh);
	probe_done(&listener->probe);
	free(listener->address);
	free(listener);
}

DEFINE_CLEANUP(free_listener, struct listener *, listener_free)
DEFINE_CLEANUP(release_credentials, grpc_server_credentials *, grpc_server_credentials_release)

/* The process's limit of descriptors, as high as it may be. */
static int raise_limit(size_t *ret)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return -errno;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		return -errno;
	*ret = limit.rlim_cur < RPC_UNIX_FD_END ? limit.rlim_cur : RPC_UNIX_FD_END;
	return 0;
}

/* How many of `wanted` connections a kind may have: where descriptors are few, half of them,
 * so that neither the unix socket nor TCP can starve the other. */
static size_t share(size_t fds, size_t wanted)
{
	const size_t half = fds > RPC_FDS_KEPT ? (fds - RPC_FDS_KEPT) / 2 : 1;

	return wanted < half ? wanted : half;
}

/* Before the C core listens. */
static int tcp_gate(void)
{
	size_t fds = 0;
	int err = raise_limit(&fds);

	return err ? err
		   : gate_open(share(fds, RPC_TCP_CONNECTIONS_MAX),
			       RPC_TCP_PEER_CONNECTIONS_MAX);
}

static int listen_tcp(struct rpc_server *server, struct listener *listener, const char *address,
		      const struct rpc_tls_files *files, bool insecure_loopback)
{
	cleanup(release_credentials) grpc_server_credentials *credentials = NULL;
	char *error = server->error, host[256];
	size_t size = sizeof(server->error);
	int port, err = address_split(address, host, sizeof(host), &port);

	if (err) {
		snprintf(error, size, "%s: not \"unix:/path\", \"host:port\" or \"[v6]:port\"",
			 address);
		return err;
	}
	if (!files && !(insecure_loopback && host_is_loopback(host))) {
		snprintf(error, size,
			 "%s: needs TLS; plaintext is for loopback, where it is asked for",
			 address);
		return -EINVAL;
	}
	if (files) {
		err = tls_new(files, &listener->tls, error, size);
		if (err)
			return err;
		credentials = tls_credentials(listener->tls);
	} else {
		credentials = grpc_insecure_server_credentials_create();
	}
	err = tcp_gate();
	if (err) {
		snprintf(error, size, "%s: cannot count connections: %s", address,
			 strerror(-err));
		return err;
	}
	listener->port = grpc_server_add_http2_port(server->core, address, credentials);
	listener->probe.tls = files != NULL;
	if (listener->port)
		return address_of_self(host, listener->port, &listener->probe.address,
				       &listener->probe.length);
	err = address_try(host, port);
	if (err)
		snprintf(error, size, "%s: %s", address, strerror(-err));
	else if (files)
		snprintf(error, size,
			 "%s: certificate %s, key %s and client CA %s do not work together",
			 address, files->certificate, files->key, files->client_ca);
	else
		snprintf(error, size, "%s: cannot listen", address);
	return err ? err : -EINVAL;
}

/* The connections' descriptor numbers want room above everybody else's. */
static int unix_fds(struct rpc_server *server)
{
	struct fd_table_options options = {
		.first = RPC_UNIX_FD_FIRST,
		.of_user = RPC_UNIX_USER_CONNECTIONS_MAX,
		.rest_ms = RPC_UNIX_FD_REST_MS,
	};
	size_t fds = 0;
	int err = server->fds ? 0 : raise_limit(&fds);

	if (err || server->fds)
		return err;
	options.end = (int)fds;
	options.connections = share(fds, RPC_UNIX_CONNECTIONS_MAX);
	return fd_table_new(&options, &server->fds);
}

/* fd: of a socket that listens already, or -1. */
static int listen_unix(struct rpc_server *server, struct listener *listener,
		       const char *address, int fd)
{
	const char *path = address + strlen(UNIX_PREFIX);
	int err = -EINVAL;

	if (*path == '/')
		err = fd < 0 ? unix_listener_new(path, &listener->socket)
			     : unix_listener_adopt(fd, &listener->socket);
	if (!err) {
		address_of_path(path, &listener->probe.address, &listener->probe.length);
		err = unix_fds(server);
	}
	if (!err)
		listener->socket_credentials = grpc_insecure_server_credentials_create();
	else if (err == -EADDRINUSE)
		snprintf(server->error, sizeof(server->error), "%s: another server lives there",
			 address);
	else
		snprintf(server->error, sizeof(server->error), "%s: %s", address,
			 *path == '/' ? strerror(-err) : "the path must begin with /");
	return err;
}

static int add_listener(struct rpc_server *server, const char *address, int fd,
			const struct rpc_tls_files *tls, bool insecure_loopback,
			const char **error)
{
	cleanup(free_listener) struct listener *listener = calloc(1, sizeof(*listener));
	int err;

	snprintf(server->error, sizeof(server->error), "%s: no memory", address);
	*error = server->error;
	if (listener)
		listener->address = strdup(address);
	if (!listener || !listener->address)
		return -ENOMEM;
	listener->server = server;
	if (!strncmp(address, UNIX_PREFIX, strlen(UNIX_PREFIX)))
		err = listen_unix(server, listener, address, fd);
	else
		err = listen_tcp(server, listener, address, tls, insecure_loopback);
	if (err)
		return err;
	listener->next = server->listeners;
	server->listeners = take(listener);
	return 0;
}

int rpc_server_listen(struct rpc_server *server, const char *address,
		      const struct rpc_tls_files *tls, bool insecure_loopback,
		      const char **error)
{
	return add_listener(server, address, -1, tls, insecure_loopback, error);
}

int rpc_server_adopt(struct rpc_server *server, const char *address, int fd, const char **error)
{
	return add_listener(server, address, fd, NULL, false, error);
}

/* Of a certificate that is to take over; one that has expired while it was in use stays: the
 * clients decide then. */
static int check_span(struct rpc_server *server, const struct listener *listener,
		      const struct rpc_tls_files *files)
{
	const struct certificate_span span = tls_span(listener->fresh);
	const int64_t now = now_on(CLOCK_REALTIME) / NANOSECONDS;

	if (now >= span.begin && now <= span.end)
		return 0;
	snprintf(server->error, sizeof(server->error), "%s: the certificate %s",
		 files->certificate, now > span.end ? "has expired" : "is not valid yet");
	return -EINVAL;
}

static int read_fresh(struct rpc_server *server, struct listener *listener,
		      const struct rpc_tls_files *files)
{
	int err = tls_new(files, &listener->fresh, server->error, sizeof(server->error));

	if (!err)
		err = check_span(server, listener, files);
	if (err || tls_works(listener->fresh))
		return err;
	snprintf(server->error, sizeof(server->error),
		 "certificate %s, key %s and client CA %s do not work together",
		 files->certificate, files->key, files->client_ca);
	return -EINVAL;
}

int rpc_server_reload_tls(struct rpc_server *server, const struct rpc_tls_files *files,
			  const char **error)
{
	sigset_t before;
	int err = 0;

	*error = server->error;
	signals_block(&before);
	for (struct listener *at = server->listeners; at && !err; at = at->next)
		err = at->tls ? read_fresh(server, at, files) : 0;
	signals_restore(&before);
	for (struct listener *at = server->listeners; at; at = at->next) {
		if (at->fresh && !err)
			tls_swap(at->tls, at->fresh);
		tls_free(at->fresh);
		at->fresh = NULL;
	}
	return err;
}

int64_t rpc_server_tls_expiry(const struct rpc_server *server)
{
	for (const struct listener *at = server->listeners; at; at = at->next)
		if (at->tls)
			return tls_span(at->tls).end;
	return 0;
}

int rpc_server_port(const struct rpc_server *server, size_t n)
{
	size_t count = 0;

	for (const struct listener *at = server->listeners; at; at = at->next)
		count += at->port != 0;
	if (n >= count)
		return 0;
	/* The list has the newest first. */
	for (const struct listener *at = server->listeners; at; at = at->next)
		if (at->port && --count == n)
			return at->port;
	return 0;
}

const char *rpc_server_probe(struct rpc_server *server)
{
	const char *silent = NULL;

	for (struct listener *at = server->listeners; at; at = at->next) {
		if (!probe_is_answered(&at->probe))
			silent = at->address;
		probe_ask(&at->probe);
	}
	return silent;
}

static void listener_accepted(void *user, int fd, const struct ucred *peer)
{
	const struct listener *listener = user;
	const int number = fd_table_place(listener->server->fds, fd, peer,
					  now_on(CLOCK_MONOTONIC) / MILLISECOND);

	if (number < 0)
		close(fd);
	else
		grpc_server_add_channel_from_fd(listener->server->core, number,
						listener->socket_credentials);
}

int listeners_start(struct rpc_server *server)
{
	for (struct listener *at = server->listeners; at; at = at->next) {
		int err =
			at->socket ? unix_listener_start(at->socket, listener_accepted, at) : 0;

		if (err)
			return err;
	}
	return 0;
}

void listeners_stop(struct rpc_server *server)
{
	for (struct listener *at = server->listeners; at; at = at->next) {
		unix_listener_free(at->socket);
		at->socket = NULL;
	}
}

void listeners_free(struct rpc_server *server)
{
	while (server->listeners) {
		struct listener *listener = server->listeners;

		server->listeners = listener->next;
		listener_free(listener);
	}
	fd_table_free(server->fds);
}
