/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second thread for work that comes in pieces, whose order does not matter. It takes pieces
 * from when it has woken up; whoever waits for the end does those that are left. So a busy
 * machine, on which it does not wake up, costs next to nothing.
 */
#ifndef WAYMARK_HELPER_H
#define WAYMARK_HELPER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* Does piece number `piece`; on any thread, at the same time as another one. */
typedef void helper_work(void *user, size_t piece);

/* All zero: there is no second thread, and helper_begin() does everything itself. */
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

/* Hands over all pieces below n, in whatever state `user` is until helper_finish(), which is
 * due before the next ones. One piece is done at once. One thread at a time. */
void helper_begin(struct helper *helper, helper_work *work, void *user, size_t n);

/* Returns once all pieces are done. Without any it does nothing. */
void helper_finish(struct helper *helper);

#endif
