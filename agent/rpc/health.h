/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grpc.health.v1.Health: "" says whether the server serves at all. A service has that status,
 * too, but while it is set apart as ill.
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

/* Both tell the watchers. Any thread. */
void health_set(struct health *health, bool serving);
/* The service is one that the server has. */
void health_set_ill(struct health *health, const char *service, bool ill);

#endif
