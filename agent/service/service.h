/* SPDX-License-Identifier: Apache-2.0 */
/*
 * waymark.v1.MarkerService: turns wire messages into operations of the engine and answers
 * into wire messages. The only room where the two meet.
 */
#ifndef WAYMARK_SERVICE_H
#define WAYMARK_SERVICE_H

#include <stdatomic.h>
#include <stdint.h>

#include "rpc/server.h"

struct attach;
struct audit_log;
struct datapath;
struct engine;
struct policy;
struct rate;
struct registry;
struct watch_hub;

/* Marks, or leases, in a page at most. On the wire a mark has at most SERVICE_MARK_OCTETS, so
 * that no page nears what clients take. */
#define SERVICE_PAGE_MAX 3000
#define SERVICE_MARK_OCTETS 1024

_Static_assert(SERVICE_PAGE_MAX *SERVICE_MARK_OCTETS <= 3 * 1024 * 1024, "a page fits");

/* Items in a page that a request asks for so. */
static inline uint32_t service_page_size(uint32_t asked)
{
	return asked == 0 || asked > SERVICE_PAGE_MAX ? SERVICE_PAGE_MAX : asked;
}

/* A mark's ttl, ns. Shorter ones would be over before their removal, which takes up to a
 * second, could follow. What is to outlive a month had better have none, until policies say
 * otherwise. */
#define SERVICE_TTL_MIN INT64_C(1000000000)
#define SERVICE_TTL_MAX (INT64_C(30) * 24 * 3600 * SERVICE_TTL_MIN)

/* Updates in an ApplyMarks. Their failures fit into what clients take as an answer, and a
 * request with that many fits into RPC_MESSAGE_MAX. */
#define SERVICE_UPDATES_MAX 10000

/* ReplaceMarks: failures in an answer, and how long a stream may be silent, holding what it has
 * declared. */
#define SERVICE_FAILURES_MAX 100
#define SERVICE_IDLE_MS 30000

/* Leases that an owner may have at once: one for each transfer of a large site. */
#define SERVICE_LEASES_MAX 10000

/* Writes that wait for the engine's thread: operations, and octets of their updates. Beyond it
 * calls are refused BUSY and asked to come again; one that is larger than all that gets in
 * while there is room. The writer takes some ten thousand operations a second, so nobody waits
 * for much longer than one. */
#define SERVICE_QUEUE_OPERATIONS 10000
#define SERVICE_QUEUE_OCTETS (64 * 1024 * 1024)
#define SERVICE_BUSY_RETRY_MS 200

/* Identities whose calls are counted at once, for `limits.calls_per_second`. Of more the ones
 * that have been silent are forgotten, which gives them a full bucket. */
#define SERVICE_IDENTITIES 1024

/* Watches open at once. Each costs a look every 10 ms while marks change. */
#define SERVICE_WATCHERS_MAX 4096

/* ns. A watch without news gets a heartbeat after so long: well below the minutes after which
 * firewalls forget a silent connection, and its revision keeps filtered watches resumable. */
#define SERVICE_HEARTBEAT (INT64_C(10) * 1000000000)

/* ns. A watch that takes nothing for so long is ended: twice what a keepalive needs to find
 * that nobody is there. */
#define SERVICE_WATCH_STALL (INT64_C(60) * 1000000000)

#define SERVICE_ERROR_DOMAIN "waymark"

/* google.rpc.Code has so many values. */
#define SERVICE_CODES 17

/* Calls since the start. */
struct service_calls {
	_Atomic uint64_t failed[SERVICE_CODES]; /* by code, which is not OK */
	/* Among them: one too many of their caller; not for their caller. */
	_Atomic uint64_t throttled, denied;
};

/* What the handlers work on; all borrowed, for as long as the server lives. */
struct service {
	struct engine *engine;
	const struct datapath *datapath;
	const struct attach *attach;
	struct watch_hub *watches;
	/* May change at any time: the one before stays valid as long as the server lives. */
	const struct registry *_Atomic registry;
	const struct policy *_Atomic policy; /* likewise; set before the server starts */
	struct audit_log *audit; /* NULL: none */
	struct rate *rate; /* NULL: everybody may call as often as they like */
	atomic_size_t staged; /* octets that open ReplaceMarks streams hold */
	atomic_size_t queued, queued_octets; /* writes that wait for the engine */
	/* When the TLS certificate's time is over, s since 1970; 0: there is none. Do its files
	 * hold another one, that cannot be used? May change at any time. */
	_Atomic int64_t certificate_end;
	atomic_bool certificate_outdated;
	atomic_bool store_failed; /* changes are refused until it can be written */
	struct service_calls calls;
	int64_t start_time; /* ns since 1970 */
	char instance_id[33], state_id[33]; /* hex */
};

/* Draws the instance id and reads the clock and the state id; the pointers are set before. */
void service_init(struct service *service);

/* The method table with `service` behind it, for rpc_server_add_service(). */
struct rpc_service service_methods(struct service *service);

/* For rpc_options.admit: may this peer call this method? method->needs is an enum access_role.
 */
bool service_admit(const struct rpc_peer *peer, const struct rpc_method *method,
		   const struct service *service, struct rpc_status *status);

/* For rpc_options.throttle: is this call one too many? Fills the status then. */
bool service_throttle(const struct rpc_peer *peer, const struct service *service,
		      struct rpc_status *status);

#endif
