/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/helper.h"

#include <sched.h>

/* ---- pieces ---- */

/* With the lock held. */
static bool take_piece(struct helper *helper, size_t *ret)
{
	if (helper->next == helper->n)
		return false;
	*ret = helper->next++;
	return true;
}

static void *help(void *argument)
{
	struct helper *helper = argument;
	size_t piece;

	pthread_setname_np(pthread_self(), "helper");
	pthread_mutex_lock(&helper->lock);
	while (!helper->stopping) {
		if (!take_piece(helper, &piece)) {
			pthread_cond_wait(&helper->work_came, &helper->lock);
			continue;
		}
		helper->busy = true;
		pthread_mutex_unlock(&helper->lock);
		helper->work(helper->user, piece);
		pthread_mutex_lock(&helper->lock);
		helper->busy = false;
		pthread_cond_signal(&helper->work_done);
	}
	pthread_mutex_unlock(&helper->lock);
	return NULL;
}

static void hand_over(struct helper *helper, helper_work *work, void *user, size_t n)
{
	pthread_mutex_lock(&helper->lock);
	helper->work = work;
	helper->user = user;
	helper->next = 0;
	helper->n = n;
	pthread_cond_signal(&helper->work_came);
	pthread_mutex_unlock(&helper->lock);
}

void helper_begin(struct helper *helper, helper_work *work, void *user, size_t n)
{
	if (helper->runs && n > 1) {
		hand_over(helper, work, user, n);
		return;
	}
	for (size_t piece = 0; piece < n; piece++)
		work(user, piece);
}

void helper_finish(struct helper *helper)
{
	size_t piece;

	if (!helper->runs)
		return;
	pthread_mutex_lock(&helper->lock);
	while (take_piece(helper, &piece)) {
		pthread_mutex_unlock(&helper->lock);
		helper->work(helper->user, piece);
		pthread_mutex_lock(&helper->lock);
	}
	while (helper->busy)
		pthread_cond_wait(&helper->work_done, &helper->lock);
	pthread_mutex_unlock(&helper->lock);
}

/* ---- life ---- */

static bool is_alone(void)
{
	cpu_set_t processors;

	return sched_getaffinity(0, sizeof(processors), &processors) == 0 &&
	       CPU_COUNT(&processors) < 2;
}

int helper_start(struct helper *helper)
{
	int r;

	if (is_alone())
		return 0;
	pthread_mutex_init(&helper->lock, NULL);
	pthread_cond_init(&helper->work_came, NULL);
	pthread_cond_init(&helper->work_done, NULL);
	helper->runs = true;
	r = -pthread_create(&helper->thread, NULL, help, helper);
	if (r < 0)
		helper->runs = false;
	return r;
}

void helper_stop(struct helper *helper)
{
	if (!helper->runs)
		return;
	pthread_mutex_lock(&helper->lock);
	helper->stopping = true;
	pthread_cond_signal(&helper->work_came);
	pthread_mutex_unlock(&helper->lock);
	pthread_join(helper->thread, NULL);
	pthread_cond_destroy(&helper->work_done);
	pthread_cond_destroy(&helper->work_came);
	pthread_mutex_destroy(&helper->lock);
	*helper = (struct helper){.runs = false};
}
