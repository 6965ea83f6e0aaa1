/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unary calls on the bare C core, so many outstanding at a time, from one thread; and the
 * server that answers each with its own request, from two.
 */
#ifndef WAYMARK_BENCH_LOAD_H
#define WAYMARK_BENCH_LOAD_H

#include <grpc/grpc.h>
#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent.h"
#include "wire/read.h"

/* The path that the echo server answers. */
#define LOAD_ECHO_PATH "/waymark.bench.Echo/Echo"

/* Connections; a call goes over one of them. */
#define LOAD_CHANNELS 4

struct load;

struct load_result {
	double rate; /* calls a second */
	double p50, p99; /* microseconds */
	double cpu; /* microseconds of the server for a call */
};

/* Connects to an address of the agent's transport, or of the echo server with the same. Borrows
 * `agent` for its certificates. */
struct load *load_open(const struct bench_agent *agent, const char *target);
void load_close(struct load *load);

/* Forgets the requests; those that are added from now on are of this method. */
void load_begin(struct load *load, const char *path);

/* One more request, encoded at once. */
void load_add(struct load *load, const ProtobufCMessage *request);

/* Looks at the octets of an answer, which are gone after. */
typedef void load_take(void *user, struct wire answer);

/* One call with the next request. Ends the program if it fails. */
void load_call(struct load *load, load_take *take, void *user);

/* Every request once, each connection with one call at a time. Returns seconds. Ends the
 * program if a call fails. */
double load_send_all(struct load *load, load_take *take, void *user);

/* Calls with the requests in turn for so long. Ends the program if a call fails. */
struct load_result load_run(struct load *load, unsigned int outstanding, double seconds,
			    pid_t server);

/* The echo server, as a process of its own: this program again, with the arguments that
 * load_echo_main() takes. Returns its number. */
pid_t load_echo_start(const struct bench_agent *agent, char ret_target[static 128]);
void load_echo_stop(pid_t pid);

/* If the arguments say so, this process is the echo server until it is killed. */
void load_echo_main(int argc, char *argv[]);

#endif
