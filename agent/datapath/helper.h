/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second thread for work that comes in pieces, whose order does not matter. Whoever has the
 * work begins at once; the helper takes pieces from it when it has woken up. So a busy machine,
 * on which it does not, costs next to nothing.
 */
#ifndef WAYMARK_HELPER_H
#define WAYMARK_HELPER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* Does piece number `piece`; on any thread, at the same time as another one. */
typedef void helper_work(void *user, size_t piece);

/* All zero: there is no second thread, and helper_run() does everything itself. */
struct helper {
	bool runs;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t work_came, work_done;
	/* Under the lock: */
	bool stopping, busy; /* busy: with a piece */
	helper_work *work;
	void *user;
	size_t next, n; /* pieces: the first that nobody has taken; all of them */
};

/* Starts the thread, unless this process has a single processor. 0 or negative errno. */
int helper_start(struct helper *helper);

/* Ends the thread, if there is one. */
void helper_stop(struct helper *helper);

/* Returns once all pieces below n are done. One caller at a time. */
void helper_run(struct helper *helper, helper_work *work, void *user, size_t n);

#endif
