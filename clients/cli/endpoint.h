/* SPDX-License-Identifier: Apache-2.0 */
/* Which agent, and how to reach it: what the global options and a context say. */
#ifndef WAYMARK_CLI_ENDPOINT_H
#define WAYMARK_CLI_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero: not given. Texts are borrowed. */
struct endpoint {
	const char *target;
	const char *tls_ca;
	const char *tls_cert;
	const char *tls_key;
	const char *tls_server_name;
	bool insecure;
	int64_t timeout_ms;
	const char *owner; /* for whom writes act */
};

/* Rows of an option table that fills a struct with `struct endpoint endpoint`. */
/* clang-format off */
#define ENDPOINT_OPTIONS(type)                                                                  \
	{"--target", 0, "TARGET", "WAYMARK_TARGET",                                             \
	 "unix:/path or host:port; default unix:/run/waymark/waymark.sock", read_text,          \
	 offsetof(type, endpoint.target)},                                                      \
	{"--tls-ca", 0, "FILE", "WAYMARK_TLS_CA", "certificates that sign agents (PEM)",        \
	 read_text, offsetof(type, endpoint.tls_ca)},                                           \
	{"--tls-cert", 0, "FILE", "WAYMARK_TLS_CERT", "own certificate (PEM)", read_text,       \
	 offsetof(type, endpoint.tls_cert)},                                                    \
	{"--tls-key", 0, "FILE", "WAYMARK_TLS_KEY", "its key (PEM)", read_text,                 \
	 offsetof(type, endpoint.tls_key)},                                                     \
	{"--tls-server-name", 0, "NAME", NULL,                                                  \
	 "name in the agent's certificate; default the host", read_text,                        \
	 offsetof(type, endpoint.tls_server_name)},                                             \
	{"--insecure", 0, NULL, NULL, "TCP without TLS", read_flag,                             \
	 offsetof(type, endpoint.insecure)},                                                    \
	{"--timeout", 0, "SECONDS", NULL, "limit of each call; default 10", read_seconds,       \
	 offsetof(type, endpoint.timeout_ms)}
/* clang-format on */

/* Gives what is not given yet what `from` says. */
void endpoint_complete(struct endpoint *endpoint, const struct endpoint *from);

#endif
