/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/server.h"

#include <errno.h>
#include <grpc/impl/codegen/compression_types.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "rpc/health.h"
#include "rpc/internal.h"
#include "rpc/limits.h"
#include "rpc/listener.h"
#include "rpc/log.h"
#include "rpc/reflection.h"
#include "rpc/signals.h"

#define THREADS_DEFAULT 2

static grpc_arg argument(const char *key, int value)
{
	return (grpc_arg){.type = GRPC_ARG_INTEGER, .key = (char *)key, .value.integer = value};
}

static grpc_server *core_new(void)
{
	grpc_resource_quota *quota = grpc_resource_quota_create("waymark");
	grpc_arg list[] = {
		argument(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, RPC_MESSAGE_MAX),
		argument(GRPC_ARG_MAX_METADATA_SIZE, RPC_METADATA_MAX),
		argument(GRPC_ARG_MAX_CONCURRENT_STREAMS, RPC_STREAMS_MAX),
		argument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, RPC_HANDSHAKE_MS),
		argument(GRPC_ARG_KEEPALIVE_TIME_MS, RPC_KEEPALIVE_MS),
		argument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, RPC_KEEPALIVE_TIMEOUT_MS),
		argument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1),
		argument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, RPC_PINGS_WITHOUT_DATA),
		argument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
			 RPC_PING_INTERVAL_MIN_MS),
		argument(GRPC_ARG_MAX_CONNECTION_AGE_MS, RPC_CONNECTION_AGE_MS),
		argument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, RPC_CONNECTION_AGE_GRACE_MS),
		argument(GRPC_ARG_ALLOW_REUSEPORT, RPC_REUSEPORT),
		/* No compression: the answers are small, and a request that is small on the
		 * wire must not become large behind the checks. */
		argument(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0),
		argument(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET,
			 1 << GRPC_COMPRESS_NONE),
		argument(GRPC_ARG_ENABLE_CHANNELZ, 0),
		{.type = GRPC_ARG_POINTER,
		 .key = (char *)GRPC_ARG_RESOURCE_QUOTA,
		 .value.pointer = {quota, grpc_resource_quota_arg_vtable()}},
	};
	const grpc_channel_args arguments = {sizeof(list) / sizeof(*list), list};
	grpc_server *core;

	grpc_resource_quota_resize(quota, RPC_BUFFERS_MAX);
	core = grpc_server_create(&arguments, NULL);
	grpc_resource_quota_unref(quota);
	return core;
}

static void server_stopped(struct rpc_tag *tag, bool ok)
{
	struct rpc_server *server = container_of(tag, struct rpc_server, stopped);

	(void)ok;
	pthread_mutex_lock(&server->lock);
	server->stop_done = true;
	pthread_cond_broadcast(&server->changed);
	pthread_mutex_unlock(&server->lock);
}

static void server_init_core(struct rpc_server *server)
{
	pthread_condattr_t clock;
	sigset_t before;

	pthread_mutex_init(&server->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&server->changed, &clock);
	pthread_condattr_destroy(&clock);
	server->stopped.done = server_stopped;
	server->unknown = (struct rpc_entry){.server = server, .method = &unknown_method};
	log_init();
	signals_block(&before);
	grpc_init();
	server->core = core_new();
	server->queue = grpc_completion_queue_create_for_next(NULL);
	grpc_server_register_completion_queue(server->core, server->queue, NULL);
	signals_restore(&before);
}

static int server_add_builtin(struct rpc_server *server)
{
	const struct rpc_options *options = &server->options;
	int err = health_new(server, &server->health);

	if (!err)
		err = rpc_server_add_service(server, health_service(server->health));
	if (!err)
		err = reflection_new(server, options->descriptor_set,
				     options->descriptor_set_size, &server->reflection);
	for (size_t i = 0; !err && i < REFLECTION_SERVICES; i++)
		err = rpc_server_add_service(server, reflection_service(server->reflection, i));
	return err;
}

int rpc_server_new(const struct rpc_options *options, struct rpc_server **ret)
{
	struct rpc_server *server = calloc(1, sizeof(*server));
	int err;

	if (!server)
		return -ENOMEM;
	server->options = *options;
	server->n_threads = options->threads ? options->threads : THREADS_DEFAULT;
	server_init_core(server);
	err = threads_init(server, server->n_threads);
	if (!err)
		err = server_add_builtin(server);
	if (err) {
		rpc_server_free(server);
		return err;
	}
	*ret = server;
	return 0;
}

static int server_add_method(struct rpc_server *server, const struct rpc_service *service,
			     const struct rpc_method *method)
{
	/* The request of unary calls and server streams is read before a slot is taken, so
	 * that a slow sender holds none. */
	bool reads_first = method->kind == RPC_UNARY || method->kind == RPC_SERVER_STREAM;
	struct rpc_entry **list =
		realloc(server->entries, (server->n_entries + 1) * sizeof(*list));
	struct rpc_entry *entry = calloc(1, sizeof(*entry));

	if (list)
		server->entries = list;
	if (!list || !entry) {
		free(entry);
		return -ENOMEM;
	}
	list[server->n_entries++] = entry;
	*entry = (struct rpc_entry){.server = server, .method = method, .service = service};
	entry->registered = grpc_server_register_method(
		server->core, method->path, NULL,
		reads_first ? GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER : GRPC_SRM_PAYLOAD_NONE,
		0);
	return entry->registered ? 0 : -EEXIST;
}

int rpc_server_add_service(struct rpc_server *server, const struct rpc_service *service)
{
	if (server->n_services == RPC_SERVICES_MAX)
		return -ENOSPC;
	server->services[server->n_services++] = service;
	for (size_t i = 0; i < service->n_methods; i++) {
		int err = server_add_method(server, service, &service->methods[i]);

		if (err)
			return err;
	}
	return 0;
}

int rpc_server_start(struct rpc_server *server)
{
	size_t wanted = server->n_threads;
	int err;

	server->n_threads = 0;
	server->started = true;
	grpc_server_start(server->core);
	err = slots_post(server);
	if (!err)
		err = threads_start(server, wanted);
	if (!err)
		err = idle_start(server);
	return err ? err : listeners_start(server);
}

void rpc_server_set_serving(struct rpc_server *server, bool serving)
{
	health_set(server->health, serving);
}

void rpc_server_set_ill(struct rpc_server *server, const char *service, bool ill)
{
	health_set_ill(server->health, service, ill);
}

/* With the lock. Until every call is gone, and every connection if they are asked for; false:
 * the time is over before. */
static bool server_wait(struct rpc_server *server, bool connections,
			const struct timespec *until)
{
	int err = 0;

	while (!err && (server->n_calls || (connections && !server->stop_done)))
		err = until ? pthread_cond_timedwait(&server->changed, &server->lock, until)
			    : pthread_cond_wait(&server->changed, &server->lock);
	return !err;
}

static struct timespec time_after(unsigned int ms)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	time.tv_sec += ms / 1000;
	time.tv_nsec += ms % 1000 * 1000000L;
	if (time.tv_nsec >= 1000000000L) {
		time.tv_sec++;
		time.tv_nsec -= 1000000000L;
	}
	return time;
}

static bool time_is_later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

/* With the lock. Calls get all the time there is. Connections without calls do not: a client
 * that is not polled, as an idle one of Python, reads GOAWAY only with its next call. */
static void server_settle(struct rpc_server *server, const struct timespec *until)
{
	struct timespec linger;

	while (server_wait(server, false, until)) {
		linger = time_after(RPC_LINGER_MS);
		if (server_wait(server, true, time_is_later(&linger, until) ? until : &linger))
			return;
		if (!server->n_calls)
			return;
	}
}

void rpc_server_drain(struct rpc_server *server, unsigned int grace_ms)
{
	struct timespec until = time_after(grace_ms);

	if (!server->queue)
		return;
	health_set(server->health, false);
	listeners_stop(server);
	grpc_server_shutdown_and_notify(server->core, server->queue,
					tag_send(&server->stopped));
	streams_drain(server);
	/* Without threads nobody else turns the queue. */
	while (!server->n_threads && !server->stop_done)
		threads_turn(server);
	pthread_mutex_lock(&server->lock);
	server_settle(server, &until);
	if (!server->stop_done || server->n_calls) {
		pthread_mutex_unlock(&server->lock);
		grpc_server_cancel_all_calls(server->core);
		pthread_mutex_lock(&server->lock);
		server_wait(server, true, NULL);
	}
	pthread_mutex_unlock(&server->lock);
	idle_stop(server);
	grpc_completion_queue_shutdown(server->queue);
	threads_join(server);
	while (!server->n_threads && threads_turn(server))
		;
	grpc_server_destroy(take(server->core));
	grpc_completion_queue_destroy(take(server->queue));
}

void rpc_server_free(struct rpc_server *server)
{
	if (!server)
		return;
	if (!server->started)
		server->n_threads = 0;
	rpc_server_drain(server, 0);
	listeners_free(server);
	slots_free(server);
	health_free(server->health);
	reflection_free(server->reflection);
	for (size_t i = 0; i < server->n_entries; i++)
		free(server->entries[i]);
	free(server->entries);
	threads_done(server);
	pthread_cond_destroy(&server->changed);
	pthread_mutex_destroy(&server->lock);
	free(server);
	grpc_shutdown_blocking();
}
