/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "descriptor_set.h"

static void fixture_count(struct rpc_fixture *fixture, unsigned int *counter)
{
	pthread_mutex_lock(&fixture->lock);
	++*counter;
	pthread_cond_broadcast(&fixture->changed);
	pthread_mutex_unlock(&fixture->lock);
}

static void echo_unary(struct rpc_call *call, const ProtobufCMessage *request)
{
	struct rpc_fixture *fixture = rpc_call_service(call);

	pthread_mutex_lock(&fixture->lock);
	fixture->peer = *rpc_call_peer(call);
	pthread_mutex_unlock(&fixture->lock);
	fixture_count(fixture, &fixture->unary);
	rpc_call_finish(call, NULL, request);
}

static void echo_slow(struct rpc_call *call, const ProtobufCMessage *request)
{
	struct rpc_fixture *fixture = rpc_call_service(call);

	(void)request;
	pthread_mutex_lock(&fixture->lock);
	fixture->slow = rpc_call_ref(call);
	pthread_cond_broadcast(&fixture->changed);
	pthread_mutex_unlock(&fixture->lock);
}

/* Runs until another call is answered; not for ever, so that a test can fail. */
static void echo_long(struct rpc_call *call, const ProtobufCMessage *request)
{
	struct rpc_fixture *fixture = rpc_call_service(call);
	struct timespec until;
	unsigned int unary;
	int err = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 5;
	pthread_mutex_lock(&fixture->lock);
	unary = fixture->unary;
	fixture->running++;
	pthread_cond_broadcast(&fixture->changed);
	while (fixture->unary == unary && !err)
		err = pthread_cond_timedwait(&fixture->changed, &fixture->lock, &until);
	pthread_mutex_unlock(&fixture->lock);
	TEXT_MESSAGE(answer, err ? "alone" : "beside another");
	(void)request;
	rpc_call_finish(call, NULL, &answer.base);
}

static void echo_closed(struct rpc_call *call)
{
	struct rpc_fixture *fixture = rpc_call_service(call);

	fixture_count(fixture, &fixture->closed);
}

/* Data of the streams: how many requests came, or how many answers are to go. */
static void echo_count_next(struct rpc_call *call)
{
	size_t *left = rpc_call_data(call);
	char text[24];

	if (!*left) {
		rpc_call_finish(call, NULL, NULL);
		return;
	}
	snprintf(text, sizeof(text), "%zu", *left);
	TEXT_MESSAGE(answer, text);
	assert_int_equal(rpc_call_send(call, &answer.base), 0);
	--*left;
}

static void echo_count(struct rpc_call *call, const ProtobufCMessage *message)
{
	const Grpc__Health__V1__HealthCheckRequest *request =
		(const Grpc__Health__V1__HealthCheckRequest *)message;
	size_t *left = rpc_call_alloc(call, sizeof(*left));

	*left = strtoul(request->service, NULL, 10);
	rpc_call_set_data(call, left);
	echo_count_next(call);
}

static void echo_collect_opened(struct rpc_call *call)
{
	size_t *count = rpc_call_alloc(call, sizeof(*count));

	*count = 0;
	rpc_call_set_data(call, count);
}

static void echo_collect(struct rpc_call *call, const ProtobufCMessage *message)
{
	size_t *count = rpc_call_data(call);

	(void)message;
	++*count;
}

static void echo_collect_half_closed(struct rpc_call *call)
{
	struct rpc_fixture *fixture = rpc_call_service(call);
	const size_t *count = rpc_call_data(call);
	char text[24];

	fixture_count(fixture, &fixture->half_closed);
	snprintf(text, sizeof(text), "%zu", *count);
	TEXT_MESSAGE(answer, text);
	rpc_call_finish(call, NULL, &answer.base);
}

static void echo_chat(struct rpc_call *call, const ProtobufCMessage *message)
{
	assert_int_equal(rpc_call_send(call, message), 0);
}

static void echo_chat_half_closed(struct rpc_call *call)
{
	rpc_call_finish(call, NULL, NULL);
}

#define TEXT &grpc__health__v1__health_check_request__descriptor

const struct rpc_method rpc_fixture_methods[RPC_FIXTURE_METHODS] = {
	{
		.path = "/test.Echo/Unary",
		.request = &waymark__v1__set_mark_request__descriptor,
		.response = &waymark__v1__set_mark_request__descriptor,
		.message = echo_unary,
	},
	{
		.path = "/test.Echo/Slow",
		.request = TEXT,
		.response = TEXT,
		.message = echo_slow,
		.closed = echo_closed,
	},
	{
		.path = "/test.Echo/Hold",
		.kind = RPC_SERVER_STREAM,
		.request = TEXT,
		.response = TEXT,
		.message = echo_slow,
		.closed = echo_closed,
	},
	{
		.path = "/test.Echo/Count",
		.kind = RPC_SERVER_STREAM,
		.request = TEXT,
		.response = TEXT,
		.message = echo_count,
		.writable = echo_count_next,
		.closed = echo_closed,
	},
	{
		.path = "/test.Echo/Collect",
		.kind = RPC_CLIENT_STREAM,
		.request = TEXT,
		.response = TEXT,
		.opened = echo_collect_opened,
		.message = echo_collect,
		.half_closed = echo_collect_half_closed,
		.closed = echo_closed,
	},
	{
		.path = "/test.Echo/Chat",
		.kind = RPC_BIDI_STREAM,
		.request = TEXT,
		.response = TEXT,
		.message = echo_chat,
		.half_closed = echo_chat_half_closed,
		.closed = echo_closed,
	},
	{
		.path = "/test.Echo/Brief",
		.kind = RPC_CLIENT_STREAM,
		.request = TEXT,
		.response = TEXT,
		.opened = echo_collect_opened,
		.message = echo_collect,
		.half_closed = echo_collect_half_closed,
		.closed = echo_closed,
		.idle_ms = RPC_FIXTURE_IDLE_MS,
	},
	{
		.path = "/test.Echo/Long",
		.takes_long = true,
		.request = TEXT,
		.response = TEXT,
		.message = echo_long,
	},
};

static bool fixture_admit(const struct rpc_peer *peer, const struct rpc_method *method,
			  void *user, struct rpc_status *status)
{
	struct rpc_fixture *fixture = user;

	(void)peer;
	if (!fixture->refuse)
		return true;
	rpc_status_set(status, GRPC_STATUS_PERMISSION_DENIED, "POLICY", "no %s for you",
		       method->path);
	return false;
}

static void fixture_connect(struct rpc_fixture *fixture)
{
	char target[64];

	snprintf(target, sizeof(target), "127.0.0.1:%d", rpc_server_port(fixture->server, 0));
	fixture->tcp_channel = rpc_client_new(target, NULL);
	fixture->unix_channel = rpc_client_new(fixture->address, NULL);
}

int rpc_fixture_setup(void **state)
{
	static struct rpc_service service = {
		.name = "test.Echo",
		.methods = rpc_fixture_methods,
		.n_methods = RPC_FIXTURE_METHODS,
	};
	struct rpc_fixture *fixture = calloc(1, sizeof(*fixture));
	const struct rpc_options options = {
		.error_domain = "test",
		.admit = fixture_admit,
		.admit_user = fixture,
		.descriptor_set = descriptor_set,
		.descriptor_set_size = descriptor_set_size(),
	};
	const char *error;

	*state = fixture;
	grpc_init();
	pthread_mutex_init(&fixture->lock, NULL);
	pthread_cond_init(&fixture->changed, NULL);
	strcpy(fixture->directory, "/tmp/waymark-rpc-XXXXXX");
	assert_non_null(mkdtemp(fixture->directory));
	snprintf(fixture->address, sizeof(fixture->address), "unix:%s/socket",
		 fixture->directory);
	service.user = fixture;
	assert_int_equal(rpc_server_new(&options, &fixture->server), 0);
	assert_int_equal(rpc_server_add_service(fixture->server, &service), 0);
	assert_int_equal(
		rpc_server_listen(fixture->server, fixture->address, NULL, false, &error), 0);
	assert_int_equal(rpc_server_listen(fixture->server, "127.0.0.1:0", NULL, true, &error),
			 0);
	assert_int_equal(rpc_server_start(fixture->server), 0);
	rpc_server_set_serving(fixture->server, true);
	fixture_connect(fixture);
	return 0;
}

int rpc_fixture_teardown(void **state)
{
	struct rpc_fixture *fixture = *state;

	grpc_channel_destroy(fixture->unix_channel);
	grpc_channel_destroy(fixture->tcp_channel);
	if (fixture->slow)
		rpc_call_unref(fixture->slow);
	rpc_server_drain(fixture->server, 0);
	rpc_server_free(fixture->server);
	/* The server leaves nothing behind. */
	assert_int_equal(rmdir(fixture->directory), 0);
	pthread_cond_destroy(&fixture->changed);
	pthread_mutex_destroy(&fixture->lock);
	free(fixture);
	grpc_shutdown_blocking();
	return 0;
}

void rpc_fixture_wait(struct rpc_fixture *fixture, const unsigned int *counter,
		      unsigned int value)
{
	pthread_mutex_lock(&fixture->lock);
	while (*counter < value)
		pthread_cond_wait(&fixture->changed, &fixture->lock);
	pthread_mutex_unlock(&fixture->lock);
}

unsigned int rpc_fixture_read(struct rpc_fixture *fixture, const unsigned int *counter)
{
	unsigned int value;

	pthread_mutex_lock(&fixture->lock);
	value = *counter;
	pthread_mutex_unlock(&fixture->lock);
	return value;
}

struct rpc_peer rpc_fixture_peer(struct rpc_fixture *fixture)
{
	struct rpc_peer peer;

	pthread_mutex_lock(&fixture->lock);
	peer = fixture->peer;
	pthread_mutex_unlock(&fixture->lock);
	return peer;
}

struct rpc_call *rpc_fixture_wait_slow(struct rpc_fixture *fixture)
{
	struct rpc_call *call;

	pthread_mutex_lock(&fixture->lock);
	while (!fixture->slow)
		pthread_cond_wait(&fixture->changed, &fixture->lock);
	call = fixture->slow;
	fixture->slow = NULL;
	pthread_mutex_unlock(&fixture->lock);
	return call;
}
