/* SPDX-License-Identifier: Apache-2.0 */
/* Ends a watch on SIGINT and SIGTERM, and when nobody reads its output any more. */
#ifndef WAYMARK_CLI_WATCH_GUARD_H
#define WAYMARK_CLI_WATCH_GUARD_H

#include <pthread.h>
#include <signal.h>

#include "waymark/watch.h"

struct watch_guard {
	struct waymark_watch *watch; /* NULL: the guard was not started */
	sigset_t old_mask;
	int signal_fd;
	int stop_fd;
	int out_fd; /* -1: not to be watched */
	pthread_t thread;
};

/* Keeps the signals for the guard. Comes before the first thread of the client: a thread that
 * lets them in would end the program. */
void watch_guard_init(struct watch_guard *guard);
/* From now on waymark_watch_next() is CANCELLED when one of the three comes. out_fd -1: there
 * is no such file. */
void watch_guard_start(struct watch_guard *guard, struct waymark_watch *watch, int out_fd);
/* Comes before waymark_watch_close(). */
void watch_guard_done(struct watch_guard *guard);

#endif
