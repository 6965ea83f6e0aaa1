/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gRPC server on the C core and protobuf-c, driven by tables of methods. Knows nothing of
 * marks. Every C-core call of the agent is in this folder.
 *
 * Life: rpc_server_new, rpc_server_add_*, rpc_server_start, rpc_server_drain, rpc_server_free,
 * all from one thread. Ignore SIGPIPE before. Every thread that the runtime and the C core
 * start here blocks all signals; those stay with the threads of the caller. Never fork without
 * exec after rpc_server_new(). rpc_server_listen() changes the process's umask for a moment and
 * raises its soft limit of descriptors for a unix socket.
 */
#ifndef WAYMARK_RPC_SERVER_H
#define WAYMARK_RPC_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rpc/call.h"

struct rpc_server;

/* The methods of one proto service. */
struct rpc_service {
	const char *name; /* "package.Service" */
	const struct rpc_method *methods;
	size_t n_methods;
	void *user; /* rpc_call_service() */
};

struct rpc_options {
	const char *error_domain; /* ErrorInfo.domain; a constant */
	unsigned int threads; /* that serve the completion queue, one at a time; 0: 2 */
	unsigned int pulse_ms; /* each of them gives a sign of life so often; 0: never */
	/* May this peer call this method at all? Asked before the request is unpacked, for
	 * methods without public_access; fills the status when not. NULL: everybody may. */
	bool (*admit)(const struct rpc_peer *peer, const struct rpc_method *method, void *user,
		      struct rpc_status *status);
	/* Is this call one too many of this peer? Asked once for each call, those with public
	 * access too, before `admit`; fills the status then. NULL: none is. */
	bool (*throttle)(const struct rpc_peer *peer, void *user, struct rpc_status *status);
	void *admit_user; /* of both */
	/* A call ends with this status, which is not OK: refused by `admit`, by the runtime or
	 * by its handler. Any thread; must not block or touch the call otherwise. May be NULL.
	 */
	void (*refused)(const struct rpc_call *call, const struct rpc_status *status,
			void *user);
	void *refused_user;
	/* FileDescriptorSet (with imports) that reflection serves. */
	const uint8_t *descriptor_set;
	size_t descriptor_set_size;
};

/* 0 or -ENOMEM. Health (grpc.health.v1) and reflection (v1 and v1alpha) are built in. */
int rpc_server_new(const struct rpc_options *options, struct rpc_server **ret);

/* Before start. The service is borrowed until rpc_server_free(). 0, -ENOMEM, -EEXIST, or
 * -ENOSPC: too many. */
int rpc_server_add_service(struct rpc_server *server, const struct rpc_service *service);

struct rpc_tls_files {
	const char *certificate; /* PEM chain, own certificate first */
	const char *key; /* PEM */
	const char *client_ca; /* PEM; clients must present a certificate of one of these */
};

/* Listens on "unix:/path" (own accept loop, mode 0660), or on "host:port" / "[v6]:port" with
 * mutual TLS, or in plaintext when `tls` is NULL and `insecure_loopback` is set. Port 0 takes
 * any. 0; -EINVAL for an address that makes no sense or plaintext that is not loopback;
 * -EADDRINUSE; else negative errno; *error (a static or owned-by-server text, valid until the
 * next call) says what and names the address. */
int rpc_server_listen(struct rpc_server *server, const char *address,
		      const struct rpc_tls_files *tls, bool insecure_loopback,
		      const char **error);

/* Serves a unix socket, too, that somebody else made to listen at `address` ("unix:/path") and
 * keeps; takes over fd. 0, or negative errno and *error as above. */
int rpc_server_adopt(struct rpc_server *server, const char *address, int fd,
		     const char **error);

/* Connections from now on get what these files hold now; those that are open stay. Any time
 * after the listeners were made. 0; else negative errno, everything is as before, and *error
 * (as above) names the file: it cannot be read, the certificate is not for today, or the three
 * do not work together. */
int rpc_server_reload_tls(struct rpc_server *server, const struct rpc_tls_files *files,
			  const char **error);

/* When the certificate's time is over that connections get now, s since 1970; 0: there is no
 * TLS. */
int64_t rpc_server_tls_expiry(const struct rpc_server *server);

/* TCP port of the n-th "host:port" listener, in the order of rpc_server_listen(); 0: none. */
int rpc_server_port(const struct rpc_server *server, size_t n);

/* Serves. Health says NOT_SERVING until rpc_server_set_serving(). 0 or negative errno. */
int rpc_server_start(struct rpc_server *server);

/* What health answers for "" and for every service added. Any thread. */
void rpc_server_set_serving(struct rpc_server *server, bool serving);

/* While it is ill, health answers NOT_SERVING for this service, whatever it does for "". Any
 * thread. */
void rpc_server_set_ill(struct rpc_server *server, const char *service, bool ill);

/* With a pulse: has every thread of the completion queue that does not rest come back to it
 * within `ms`? Any thread, while the server runs. */
bool rpc_server_is_alive(const struct rpc_server *server, unsigned int ms);

/* Connects to every listener, from outside, as clients do. NULL, or the address of one that has
 * not answered since the last call: then its accept loop, or what is behind it, hangs. From one
 * thread, which waits in bad cases for some RPC_PROBE_CONNECT_MS. */
const char *rpc_server_probe(struct rpc_server *server);

/* Asks `admit` again about every open stream, because it may answer otherwise now; those that
 * it refuses end with its status. */
void rpc_server_recheck(struct rpc_server *server);

/* Stops: health NOT_SERVING, no new connections, GOAWAY, streams end with UNAVAILABLE, calls in
 * flight get grace_ms to finish and are cancelled then. Returns when all of them are over, and
 * does not wait for clients that just hold a connection.
 * Calls that the C core has read but not handed to us yet it cancels at once, and nobody can
 * keep it from that: clients under load see CANCELLED there, and no handler has seen those
 * calls. */
void rpc_server_drain(struct rpc_server *server, unsigned int grace_ms);

/* After drain (or before start). NULL is fine. */
void rpc_server_free(struct rpc_server *server);

enum rpc_log_severity { RPC_LOG_DEBUG, RPC_LOG_INFO, RPC_LOG_ERROR };

/* Where the C core's own log goes, for the whole process; the function is called on any
 * thread. NULL, as at first: errors to stderr, the rest nowhere. */
void rpc_set_log(void (*function)(int severity, const char *text));

#endif
