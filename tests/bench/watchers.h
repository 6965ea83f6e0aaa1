/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many watches of all changes from now on, in a process of their own, on the bare C core. They
 * do no more with a message than to read its revision.
 */
#ifndef WAYMARK_BENCH_WATCHERS_H
#define WAYMARK_BENCH_WATCHERS_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent.h"

enum { WATCHERS_MAX = 1000 };

struct watchers {
	pid_t pid;
	unsigned int n;
	/* Shared with that process: what each has seen, 0: nothing yet. */
	_Atomic uint64_t *revisions;
};

/* Opens so many and waits until all of them stand. */
void watchers_start(struct watchers *watchers, const struct bench_agent *agent, unsigned int n);
void watchers_stop(struct watchers *watchers);

/* Waits until all have seen this revision; ends the program after 60 s. */
void watchers_wait(const struct watchers *watchers, uint64_t revision);

/* If the arguments say so, this process is the one that watches until it is killed. */
void watchers_main(int argc, char *argv[]);

#endif
