/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An agent of its own for a bench: the waymarkd beside the bench's program, in a network
 * namespace of its own, with its state in a folder that goes with it.
 */
#ifndef WAYMARK_BENCH_AGENT_H
#define WAYMARK_BENCH_AGENT_H

#include <stdint.h>
#include <sys/types.h>

struct waymark_client;

struct bench_agent {
	char directory[64];
	char target[96]; /* "unix:..." */
	pid_t pid; /* 0: it does not run */
	uint32_t marks; /* capacity */
	struct waymark_client *client; /* of the thread that started it */
};

/* Starts one with room for so many marks, and waits until it serves. Ends the program with a
 * complaint if that fails. */
void bench_agent_start(struct bench_agent *agent, uint32_t marks);

/* Ends it and removes its folder. */
void bench_agent_done(struct bench_agent *agent);

/* Ends it as SIGTERM does and starts it again with its state; returns seconds from the start of
 * the new process until it served. */
double bench_agent_restart(struct bench_agent *agent);

/* Another client, for another thread. */
struct waymark_client *bench_agent_client(const struct bench_agent *agent);

/* Anonymous memory, octets. */
uint64_t bench_agent_memory(const struct bench_agent *agent);

/* Seconds of a monotonic clock. */
double bench_seconds(void);

/* Ends the program: "bench: WHAT". */
__attribute__((format(printf, 1, 2), noreturn)) void bench_fail(const char *format, ...);

/* ---- command line: every bench has the same ---- */

struct bench_options {
	int json, quick;
	const char *only; /* run cases whose name begins so; NULL: all */
};

void bench_read_options(int argc, char *argv[], struct bench_options *ret);

/* Is the case to be run? */
int bench_wants(const struct bench_options *options, const char *name);

#endif
