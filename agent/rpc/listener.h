/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The addresses that a server listens on.
 */
#ifndef WAYMARK_RPC_LISTENER_H
#define WAYMARK_RPC_LISTENER_H

#include <stdbool.h>
#include <stddef.h>

#include "rpc/server.h"

struct listener;

/* Unix listeners: begin to accept. 0 or negative errno. */
int listeners_start(struct rpc_server *server);
/* Unix listeners: no more connections, and the path is gone. The C core closes the others. */
void listeners_stop(struct rpc_server *server);
/* After the C core's server is destroyed. */
void listeners_free(struct rpc_server *server);

#endif
