/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/signals.h"

void signals_block(sigset_t *before)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, before);
}

void signals_restore(const sigset_t *before)
{
	pthread_sigmask(SIG_SETMASK, before, NULL);
}

int signals_thread(pthread_t *ret, void *(*run)(void *), void *user)
{
	sigset_t before;
	int err;

	signals_block(&before);
	err = pthread_create(ret, NULL, run, user);
	signals_restore(&before);
	return -err;
}
