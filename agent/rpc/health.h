/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grpc.health.v1.Health: "" and every service of the server have one common status.
 */
#ifndef WAYMARK_RPC_HEALTH_H
#define WAYMARK_RPC_HEALTH_H

#include <stdbool.h>

#include "rpc/server.h"

struct health;

/* Says NOT_SERVING at first. 0 or -ENOMEM. */
int health_new(const struct rpc_server *server, struct health **ret);
void health_free(struct health *health);

const struct rpc_service *health_service(const struct health *health);

/* Tells every watcher. Any thread. */
void health_set(struct health *health, bool serving);

#endif
