/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that leave every signal to the others.
 */
#ifndef WAYMARK_RPC_SIGNALS_H
#define WAYMARK_RPC_SIGNALS_H

#include <pthread.h>
#include <signal.h>

/* Blocks every signal for this thread and those that it starts; pair with restore. */
void signals_block(sigset_t *before);
void signals_restore(const sigset_t *before);

/* A thread with every signal blocked. 0 or negative errno. */
int signals_thread(pthread_t *ret, void *(*run)(void *), void *user);

#endif
