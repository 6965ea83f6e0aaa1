/* SPDX-License-Identifier: Apache-2.0 */
/*
 * waymark.v1.MarkerService: turns wire messages into operations of the engine and answers
 * into wire messages. The only room where the two meet.
 */
#ifndef WAYMARK_SERVICE_H
#define WAYMARK_SERVICE_H

#include <stdint.h>

#include "rpc/server.h"

struct attach;
struct datapath;
struct engine;
struct registry;

/* Marks in a page of ListMarks at most: a page is built in memory at about 1 KiB a mark. */
#define SERVICE_PAGE_MAX 1000

/* A mark's ttl, ns. Shorter ones would be over before their removal, which takes up to a
 * second, could follow. What is to outlive a month had better have none, until policies say
 * otherwise. */
#define SERVICE_TTL_MIN INT64_C(1000000000)
#define SERVICE_TTL_MAX (INT64_C(30) * 24 * 3600 * SERVICE_TTL_MIN)

#define SERVICE_ERROR_DOMAIN "waymark"

/* What the handlers work on; all borrowed, for as long as the server lives. */
struct service {
	struct engine *engine;
	const struct datapath *datapath;
	const struct attach *attach;
	/* May change at any time: the one before stays valid as long as the server lives. */
	const struct registry *_Atomic registry;
	int64_t start_time; /* ns since 1970 */
	char instance_id[33], state_id[33]; /* hex */
};

/* Draws the instance id and reads the clock and the state id; the pointers are set before. */
void service_init(struct service *service);

/* The method table with `service` behind it, for rpc_server_add_service(). */
struct rpc_service service_methods(struct service *service);

/* rpc_options.admit. */
bool service_admit(const struct rpc_peer *peer, const struct rpc_method *method, void *user,
		   struct rpc_status *status);

#endif
