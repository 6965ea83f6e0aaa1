/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server credentials for mutual TLS (1.2 and 1.3), made from PEM files.
 */
#ifndef WAYMARK_RPC_TLS_H
#define WAYMARK_RPC_TLS_H

#include <grpc/grpc_security.h>
#include <stdbool.h>
#include <stddef.h>

#include "rpc/certificate.h"
#include "rpc/server.h"

struct tls;

/* Reads the files. 0 or negative errno with a text that names the file. */
int tls_new(const struct rpc_tls_files *files, struct tls **ret, char *error,
	    size_t error_size);
/* Not before the server is destroyed: it asks for credentials with every connection. */
void tls_free(struct tls *tls);

/* Do certificate and key belong together, and can the C core read all three? */
bool tls_works(struct tls *tls);

/* When its certificate holds. */
struct certificate_span tls_span(const struct tls *tls);

/* New connections get what `fresh` holds; the old is in `fresh` then. Not at once with
 * tls_span(). */
void tls_swap(struct tls *tls, struct tls *fresh);

/* The caller's to release. */
grpc_server_credentials *tls_credentials(struct tls *tls);

#endif
