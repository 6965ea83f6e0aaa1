/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent as a whole: what it is made of, and the steps of its start. main.c lists them in
 * order. The main thread's; each step logs what keeps it from succeeding.
 */
#ifndef WAYMARK_AGENT_H
#define WAYMARK_AGENT_H

#include <stdbool.h>

#include "ops/config.h"
#include "rpc/server.h"
#include "service/service.h"

struct event;
struct event_base;
struct links;
struct pin_folder;
struct store;
struct watch_hub;

/* Everything that lives as long as the process, in the order in which it is made. */
struct agent {
	struct config config;
	struct event_base *base; /* the main loop */
	struct event *terminate, *interrupt, *news;
	struct registry *registry;
	int namespace; /* held, or -1 */
	struct pin_folder *pins; /* NULL: nothing is pinned */
	struct store *store;
	struct datapath *datapath;
	struct attach *attach;
	struct links *links;
	struct watch_hub *watches;
	struct engine *engine;
	struct service service;
	struct rpc_service methods;
	struct rpc_server *server;
	bool serving;
};

/* Logs "cannot STEP: what the error means" and returns the error. */
int agent_fail(int error, const char *step);

/* ---- marks.c: 0 or negative errno ---- */

int agent_load_registry(struct agent *agent);
/* From here on we are the only agent in this network namespace. */
int agent_hold_namespace(struct agent *agent);
/* From here on no other agent uses the folder. */
int agent_open_pins(struct agent *agent);
int agent_load_datapath(struct agent *agent);
int agent_open_store(struct agent *agent);
/* Marks of an earlier agent are ours from here on. */
int agent_start_engine(struct agent *agent);

/* ---- interfaces.c ---- */

int agent_prepare_attach(struct agent *agent);
/* An interface that cannot be had is no reason not to start: Stats says what is wrong. */
int agent_attach_interfaces(struct agent *agent);

/* ---- serve.c ---- */

/* Listens, but answers nobody yet. */
int agent_make_server(struct agent *agent);
int agent_start_server(struct agent *agent);

#endif
