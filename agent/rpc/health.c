/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/health.h"

#include <assert.h>
#include <errno.h>
#include <grpc/status.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "grpc/health/v1/health.pb-c.h"
#include "rpc/internal.h"
#include "rpc/limits.h"

typedef Grpc__Health__V1__HealthCheckRequest HealthRequest;
typedef Grpc__Health__V1__HealthCheckResponse HealthResponse;
typedef Grpc__Health__V1__HealthCheckResponse__ServingStatus HealthStatus;

#define SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
#define NOT_SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING
#define SERVICE_UNKNOWN GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN

/* A Watch stream; memory of its call. */
struct watcher {
	struct watcher *next;
	struct rpc_call *call;
	int service; /* that it asked for, as health_find() says */
	HealthStatus sent; /* UNKNOWN, which is never sent: nothing yet */
};

struct health {
	const struct rpc_server *server;
	struct rpc_service service;
	pthread_mutex_t lock; /* what follows, and every watcher */
	bool serving;
	bool ill[RPC_SERVICES_MAX]; /* by the server's number */
	struct watcher *watchers;
	size_t n_watchers;
};

/* Beside the numbers of services. */
enum { THE_SERVER = -1, UNKNOWN = -2 };

static int health_find(const struct health *health, const char *name)
{
	const struct rpc_server *server = health->server;

	if (!*name)
		return THE_SERVER;
	for (size_t i = 0; i < server->n_services; i++)
		if (!strcmp(server->services[i]->name, name))
			return (int)i;
	return UNKNOWN;
}

/* With the lock. */
static HealthStatus health_of(const struct health *health, int service)
{
	if (service == UNKNOWN)
		return SERVICE_UNKNOWN;
	if (!health->serving || (service != THE_SERVER && health->ill[service]))
		return NOT_SERVING;
	return SERVING;
}

static void health_check(struct rpc_call *call, const ProtobufCMessage *message)
{
	const HealthRequest *request = (const HealthRequest *)message;
	struct health *health = rpc_call_service(call);
	HealthResponse response = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
	struct rpc_status status = {.code = 0};
	const int service = health_find(health, request->service);

	if (service == UNKNOWN)
		rpc_status_set(&status, GRPC_STATUS_NOT_FOUND, "UNKNOWN_SERVICE",
			       "there is no service %s", request->service);
	pthread_mutex_lock(&health->lock);
	response.status = health_of(health, service);
	pthread_mutex_unlock(&health->lock);
	rpc_call_finish(call, &status, &response.base);
}

/* With the lock. A watcher that cannot take it now is asked again by health_writable(); it
 * then gets what holds then. */
static void watcher_update(const struct health *health, struct watcher *watcher)
{
	HealthResponse response = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;

	response.status = health_of(health, watcher->service);
	if (response.status != watcher->sent && !rpc_call_send(watcher->call, &response.base))
		watcher->sent = response.status;
}

static void health_watch(struct rpc_call *call, const ProtobufCMessage *message)
{
	const HealthRequest *request = (const HealthRequest *)message;
	struct health *health = rpc_call_service(call);
	struct watcher *watcher = rpc_call_alloc(call, sizeof(*watcher));
	bool full;

	if (watcher)
		*watcher = (struct watcher){
			.call = call,
			.service = health_find(health, request->service),
		};
	pthread_mutex_lock(&health->lock);
	full = !watcher || health->n_watchers == RPC_HEALTH_WATCHERS_MAX;
	if (!full) {
		rpc_call_set_data(call, watcher);
		watcher->next = health->watchers;
		health->watchers = watcher;
		health->n_watchers++;
		watcher_update(health, watcher);
	}
	pthread_mutex_unlock(&health->lock);
	if (full) {
		struct rpc_status status = {.retry_after_ms = RPC_DRAIN_RETRY_MS};

		rpc_status_set(&status, GRPC_STATUS_RESOURCE_EXHAUSTED, "TOO_MANY_WATCHERS",
			       "%d health watchers are connected already",
			       RPC_HEALTH_WATCHERS_MAX);
		rpc_call_finish(call, &status, NULL);
	}
}

static void health_writable(struct rpc_call *call)
{
	struct health *health = rpc_call_service(call);
	struct watcher *watcher = rpc_call_data(call);

	pthread_mutex_lock(&health->lock);
	watcher_update(health, watcher);
	pthread_mutex_unlock(&health->lock);
}

static void health_closed(struct rpc_call *call)
{
	struct health *health = rpc_call_service(call);
	struct watcher *watcher = rpc_call_data(call), **at;

	if (!watcher)
		return;
	pthread_mutex_lock(&health->lock);
	for (at = &health->watchers; *at != watcher; at = &(*at)->next)
		;
	*at = watcher->next;
	health->n_watchers--;
	pthread_mutex_unlock(&health->lock);
}

static const struct rpc_method health_methods[] = {
	{
		.path = "/grpc.health.v1.Health/Check",
		.kind = RPC_UNARY,
		.public_access = true,
		.request = &grpc__health__v1__health_check_request__descriptor,
		.response = &grpc__health__v1__health_check_response__descriptor,
		.message = health_check,
	},
	{
		.path = "/grpc.health.v1.Health/Watch",
		.kind = RPC_SERVER_STREAM,
		.public_access = true,
		.request = &grpc__health__v1__health_check_request__descriptor,
		.response = &grpc__health__v1__health_check_response__descriptor,
		.message = health_watch,
		.writable = health_writable,
		.closed = health_closed,
	},
};

int health_new(const struct rpc_server *server, struct health **ret)
{
	struct health *health = calloc(1, sizeof(*health));

	if (!health)
		return -ENOMEM;
	health->server = server;
	health->service = (struct rpc_service){
		.name = "grpc.health.v1.Health",
		.methods = health_methods,
		.n_methods = sizeof(health_methods) / sizeof(*health_methods),
		.user = health,
	};
	pthread_mutex_init(&health->lock, NULL);
	*ret = health;
	return 0;
}

void health_free(struct health *health)
{
	if (!health)
		return;
	pthread_mutex_destroy(&health->lock);
	free(health);
}

const struct rpc_service *health_service(const struct health *health)
{
	return &health->service;
}

/* With the lock. */
static void health_tell(struct health *health)
{
	for (struct watcher *watcher = health->watchers; watcher; watcher = watcher->next)
		watcher_update(health, watcher);
}

void health_set(struct health *health, bool serving)
{
	pthread_mutex_lock(&health->lock);
	health->serving = serving;
	health_tell(health);
	pthread_mutex_unlock(&health->lock);
}

void health_set_ill(struct health *health, const char *service, bool ill)
{
	const int number = health_find(health, service);

	assert(number >= 0);
	pthread_mutex_lock(&health->lock);
	health->ill[number] = ill;
	health_tell(health);
	pthread_mutex_unlock(&health->lock);
}
