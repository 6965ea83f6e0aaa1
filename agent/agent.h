/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent as a whole: what it is made of, and the steps of its start. main.c lists them in
 * order. The main thread's; each step logs what keeps it from succeeding.
 */
#ifndef WAYMARK_AGENT_H
#define WAYMARK_AGENT_H

#include <stdbool.h>

#include "core/engine.h"
#include "file_stamp.h"
#include "ops/config.h"
#include "policies.h"
#include "registries.h"
#include "rpc/gate.h"
#include "rpc/server.h"
#include "service/service.h"

struct audit_log;
struct event;
struct event_base;
struct http;
struct links;
struct pin_folder;
struct store;
struct unix_listener;
struct watch_hub;

/* See watchdog.c. */
struct watchdog {
	struct engine_op question; /* first: done() gets the watchdog back from it */
	_Atomic bool answered;
	bool is_told; /* that nobody answers */
	uint64_t usec; /* that systemd gives; 0: there is no watchdog */
	struct event *timer;
};

struct tls_stamps {
	struct file_stamp files[3];
};

/* See upkeep.c. */
struct upkeep {
	struct event *timer;
	struct tls_stamps seen, tried; /* at the last look; at the last attempt to use them */
	int64_t told_days; /* that the certificate has left, as the log says */
	struct gate_refusals told; /* in the log */
};

/* See metrics.c. */
struct metrics {
	int tcp; /* listens; or -1 */
	struct unix_listener *local; /* NULL: none */
	struct http *http;
};

/* Everything that lives as long as the process, in the order in which it is made. */
struct agent {
	int argc;
	char **argv; /* for reading the configuration again */
	struct config config;
	struct event_base *base; /* the main loop */
	struct event *terminate, *interrupt, *hangup, *news;
	struct audit_log *audit; /* NULL: none */
	struct registries registries;
	struct policies policies;
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
	struct metrics metrics;
	struct watchdog watchdog;
	struct upkeep upkeep;
	bool answering; /* drain is due */
	_Atomic bool is_readable; /* service is filled in, and knows the marks */
	_Atomic bool is_open; /* everything may be called */
	bool stopping, must_reload; /* a signal said so */
};

/* Logs "cannot STEP: what the error means" and returns the error. */
int agent_fail(int error, const char *step);

/* ---- interfaces.c: 0 or negative errno, as all steps ---- */

int agent_load_registry(struct agent *agent);
/* After the registry, whose names it may use. */
int agent_load_policy(struct agent *agent);

/* ---- marks.c ---- */

/* From here on we are the only agent in this network namespace. */
int agent_hold_namespace(struct agent *agent);
/* From here on no other agent uses the folder. */
int agent_open_pins(struct agent *agent);
int agent_load_datapath(struct agent *agent);
/* Fills in the service. Calls that only read are answered from here on. */
int agent_read_marks(struct agent *agent);
/* Marks of an earlier agent are ours from here on. */
int agent_start_engine(struct agent *agent);

/* ---- state.c ---- */

/* Refuses to begin with nothing while marks are in force. */
int agent_open_store(struct agent *agent);
/* engine_options.store_failed. While the store is ill, health says NOT_SERVING for our service:
 * what it writes is refused. "" stays SERVING: it answers what it knows. */
void agent_store_failed(int error, void *user);
/* --backup and --restore. Both need none of the steps above. */
int agent_backup(const struct agent *agent, const char *file);
int agent_restore(const struct agent *agent, const char *file);

/* ---- interfaces.c ---- */

int agent_prepare_attach(struct agent *agent);
/* After another registry was loaded: calls get its names, and the observer knows its pairs. */
void agent_use_registry(struct agent *agent);
/* What the configuration says now. 0 or negative errno. */
int agent_want_interfaces(struct agent *agent);
/* An interface that cannot be had is no reason not to start: Stats says what is wrong. */
int agent_attach_interfaces(struct agent *agent);

/* ---- audits.c ---- */

/* Before privileges go, which includes the folder's rights. */
int agent_open_audit(struct agent *agent);
/* Once they have gone, for it starts a thread. */
int agent_start_audit(struct agent *agent);

/* ---- confine.c ---- */

/* From here on files, system calls and capabilities are only those that serving needs. Makes
 * the folders of state and sockets first, for it could not afterwards. */
int agent_drop_privileges(struct agent *agent);

/* ---- serve.c ---- */

/* certificate is NULL without TLS. */
struct rpc_tls_files agent_tls_files(const struct config *config);

/* Listens, but answers nobody yet. */
int agent_make_server(struct agent *agent);
/* From here on health and reflection answer; calls of marks are refused UNAVAILABLE / STARTING
 * and asked to come again. */
int agent_start_server(struct agent *agent);
/* Everything answers, and health says so. */
int agent_open_doors(struct agent *agent);

/* ---- metrics.c ---- */

/* Listens, if it is to; the main loop answers. */
int agent_open_metrics(struct agent *agent);
void agent_close_metrics(struct agent *agent);

/* ---- watchdog.c ---- */

/* How often the threads of the server are to give a sign of life, in ms; 0: nobody asks. */
unsigned int agent_pulse(struct agent *agent);
int agent_start_watchdog(struct agent *agent);

/* ---- upkeep.c ---- */

/* From here on files of certificates count when they change. */
int agent_start_upkeep(struct agent *agent);
/* Taken before files are read; and afterwards said that those are in use. */
struct tls_stamps agent_tls_stamps(const struct rpc_tls_files *files);
void agent_tls_used(struct agent *agent, const struct tls_stamps *stamps);

/* ---- reload.c ---- */

/* Once the doors are open. Logs what it makes of it. */
void agent_reload(struct agent *agent);

#endif
