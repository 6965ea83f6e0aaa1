/* SPDX-License-Identifier: Apache-2.0 */
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load.h"
#include "pem.h"

/* As many as the agent has for each method, and its number of threads. */
enum { SLOTS = 64, THREADS = 2 };

struct echo {
	grpc_server *server;
	grpc_completion_queue *queue;
	void *method;
};

struct call {
	bool arrives; /* else it is answered */
	struct slot *slot;
	grpc_call *core;
	grpc_byte_buffer *payload;
	int cancelled;
};

struct slot {
	struct call *call;
	gpr_timespec deadline;
	grpc_metadata_array metadata;
};

static void arm(struct echo *echo, struct slot *slot)
{
	slot->call = calloc(1, sizeof(*slot->call));
	slot->call->arrives = true;
	slot->call->slot = slot;
	slot->metadata.count = 0;
	if (grpc_server_request_registered_call(echo->server, echo->method, &slot->call->core,
						&slot->deadline, &slot->metadata,
						&slot->call->payload, echo->queue, echo->queue,
						slot->call) != GRPC_CALL_OK)
		bench_fail("the echo server takes no calls");
}

static void answer(struct call *call)
{
	grpc_op ops[4] = {
		{.op = GRPC_OP_RECV_CLOSE_ON_SERVER,
		 .data.recv_close_on_server.cancelled = &call->cancelled},
		{.op = GRPC_OP_SEND_INITIAL_METADATA},
		{.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = call->payload},
		{.op = GRPC_OP_SEND_STATUS_FROM_SERVER},
	};

	call->arrives = false;
	if (grpc_call_start_batch(call->core, ops, 4, call, NULL) != GRPC_CALL_OK)
		bench_fail("the echo server cannot answer");
}

static void *serve(void *argument)
{
	struct echo *echo = argument;

	for (;;) {
		grpc_event event = grpc_completion_queue_next(
			echo->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
		struct call *call = event.tag;

		if (call->arrives) {
			arm(echo, call->slot);
			answer(call);
		} else {
			grpc_byte_buffer_destroy(call->payload);
			grpc_call_unref(call->core);
			free(call);
		}
	}
	return NULL;
}

static grpc_server_credentials *credentials(const char *directory)
{
	char ca[128], certificate[128], key[128];
	grpc_ssl_pem_key_cert_pair pair;

	if (!directory)
		return grpc_insecure_server_credentials_create();
	snprintf(ca, sizeof(ca), "%s/ca.pem", directory);
	snprintf(certificate, sizeof(certificate), "%s/agent.pem", directory);
	snprintf(key, sizeof(key), "%s/agent.key", directory);
	pair = (grpc_ssl_pem_key_cert_pair){pem_read(key), pem_read(certificate)};
	return grpc_ssl_server_credentials_create_ex(
		pem_read(ca), &pair, 1,
		GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY, NULL);
}

/* --echo TARGET PATH [DIRECTORY of certificates] */
void load_echo_main(int argc, char *argv[])
{
	static struct slot slots[SLOTS];
	pthread_t threads[THREADS];
	struct echo echo;

	if (argc < 4 || strcmp(argv[1], "--echo") != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	grpc_init();
	echo.server = grpc_server_create(NULL, NULL);
	echo.queue = grpc_completion_queue_create_for_next(NULL);
	grpc_server_register_completion_queue(echo.server, echo.queue, NULL);
	echo.method = grpc_server_register_method(echo.server, argv[3], NULL,
						  GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER, 0);
	if (!grpc_server_add_http2_port(echo.server, argv[2],
					credentials(argc > 4 ? argv[4] : NULL)))
		bench_fail("the echo server cannot listen on %s", argv[2]);
	grpc_server_start(echo.server);
	for (int i = 0; i < SLOTS; i++)
		arm(&echo, &slots[i]);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, serve, &echo);
	pause();
	exit(EXIT_SUCCESS);
}

pid_t load_echo_start(const struct bench_agent *agent, char ret_target[static 128])
{
	char path[] = LOAD_ECHO_PATH, directory[64];
	char *arguments[] = {(char *)"echo", (char *)"--echo", ret_target, path, NULL, NULL};
	pid_t pid;

	snprintf(directory, sizeof(directory), "%s", agent->directory);
	snprintf(ret_target, 128, "127.0.0.1:50552");
	if (agent->transport == BENCH_UNIX)
		snprintf(ret_target, 128, "unix:%s/echo", agent->directory);
	if (agent->transport == BENCH_TLS)
		arguments[4] = directory;
	if (posix_spawn(&pid, "/proc/self/exe", NULL, NULL, arguments, environ))
		bench_fail("cannot start the echo server");
	return pid;
}

void load_echo_stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
