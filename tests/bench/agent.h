/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An agent for a bench: the waymarkd beside the bench's program, in a network namespace of the
 * bench's own, with its state in a folder that goes with it.
 */
#ifndef WAYMARK_BENCH_AGENT_H
#define WAYMARK_BENCH_AGENT_H

#include <stdint.h>
#include <sys/types.h>

struct waymark_client;

enum bench_transport { BENCH_UNIX, BENCH_TCP, BENCH_TLS };

struct bench_agent {
	char directory[64]; /* for the bench's own files too; see bench_agent_file() */
	enum bench_transport transport;
	char target[96]; /* "unix:..." or "127.0.0.1:port" */
	pid_t pid; /* 0: it does not run */
	uint32_t marks; /* capacity */
	struct waymark_client *client; /* of the thread that started it */
};

/* Starts one with room for so many marks, and waits until it serves. The first time it moves
 * the program to a network namespace of its own, so no thread may run yet. Ends the program
 * with a complaint if that fails. */
void bench_agent_start(struct bench_agent *agent, uint32_t marks,
		       enum bench_transport transport);

/* Path of a file in the agent's folder. */
void bench_agent_file(const struct bench_agent *agent, const char *name, char ret[static 128]);

/* Ends it and removes its folder. */
void bench_agent_done(struct bench_agent *agent);

/* Ends it as SIGTERM does and starts it again with its state; returns seconds from the start of
 * the new process until it served. */
double bench_agent_restart(struct bench_agent *agent);

/* Of its newest change. */
uint64_t bench_agent_revision(const struct bench_agent *agent);

/* Anonymous memory, octets. */
uint64_t bench_agent_memory(const struct bench_agent *agent);

/* Seconds of CPU that a process has taken so far. */
double bench_cpu_seconds(pid_t pid);

/* Seconds of a monotonic clock. */
double bench_seconds(void);

/* Ends the program: "bench: WHAT". */
__attribute__((format(printf, 1, 2), noreturn)) void bench_fail(const char *format, ...);

/* ---- command line: every bench has the same ---- */

struct bench_options {
	int json, quick;
	const char *only; /* run cases whose name begins so; NULL: all */
	uint32_t marks; /* as many; 0: the bench's own number */
};

void bench_read_options(int argc, char *argv[], struct bench_options *ret);

/* How many marks: what was asked for, else one of these. */
uint32_t bench_marks_wanted(const struct bench_options *options, uint32_t quick, uint32_t full);

/* Is the case to be run? */
int bench_wants(const struct bench_options *options, const char *name);

#endif
