/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A running server with a small test service, and a client of it.
 *
 *	/test.Echo/Unary	answers its request (waymark.v1.SetMarkRequest)
 *	/test.Echo/Slow		unary; held until the test finishes it
 *	/test.Echo/Hold		server stream; held until the test sends to it and finishes it
 *	/test.Echo/Count	server stream of as many answers as `service` says
 *	/test.Echo/Collect	client stream; answers the number of requests
 *	/test.Echo/Chat		bidi stream; answers every request
 *	/test.Echo/Brief	Collect, for clients that are never silent for
 *RPC_FIXTURE_IDLE_MS
 *	/test.Echo/Long		unary; answers once another call, of Unary, is answered
 */
#ifndef WAYMARK_TESTS_RPC_FIXTURE_H
#define WAYMARK_TESTS_RPC_FIXTURE_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "grpc/health/v1/health.pb-c.h"
#include "rpc/server.h"
#include "rpc_client.h"
#include "waymark/v1/marker.pb-c.h"

struct rpc_fixture {
	char directory[64];
	char address[96]; /* "unix:..." */
	struct rpc_server *server;
	grpc_channel *unix_channel, *tcp_channel;

	/* What the handlers saw. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct rpc_call *slow; /* with a reference; NULL: none arrived */
	unsigned int unary, running, closed, half_closed; /* running: Long, so far */
	struct rpc_peer peer; /* of the last call */
	bool refuse; /* what `admit` says */
};

int rpc_fixture_setup(void **state);
int rpc_fixture_teardown(void **state);

/* Waits until a counter above has reached a value, or a slow call is there. */
void rpc_fixture_wait(struct rpc_fixture *fixture, const unsigned int *counter,
		      unsigned int value);
struct rpc_call *rpc_fixture_wait_slow(struct rpc_fixture *fixture);
unsigned int rpc_fixture_read(struct rpc_fixture *fixture, const unsigned int *counter);
struct rpc_peer rpc_fixture_peer(struct rpc_fixture *fixture);

/* The service's table, for servers that tests make themselves. */
extern const struct rpc_method rpc_fixture_methods[];
#define RPC_FIXTURE_METHODS 8
#define RPC_FIXTURE_IDLE_MS 400

/* A message of the test's own, with one field: HealthCheckRequest.service. */
#define TEXT_MESSAGE(name, text)                              \
	Grpc__Health__V1__HealthCheckRequest name =           \
		GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT; \
	name.service = (char *)(text)

#endif
