/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads of the completion queue. One leads: it waits for events and handles them; the
 * others rest. Two at once would meet in the C core's locks, and in malloc's, several times in
 * every call, which costs more than the second one does. Before something long the leader hands
 * over to one that rests, so that nobody waits for it, and rests itself afterwards.
 */
#include <errno.h>
#include <stdlib.h>

#include "now.h"
#include "rpc/internal.h"
#include "rpc/signals.h"

#define RESTS INT64_MAX

/* One that serves the completion queue. */
struct rpc_thread {
	struct rpc_server *server;
	pthread_t thread;
	bool leads; /* the thread's own */
	_Atomic int64_t
		turned; /* when it came back to the queue, CLOCK_MONOTONIC_COARSE; RESTS */
};

static _Thread_local struct rpc_thread *self;

/* False: the queue is shut down and empty. */
static bool turn(struct rpc_server *server, gpr_timespec until)
{
	grpc_event event = grpc_completion_queue_next(server->queue, until, NULL);

	if (event.type != GRPC_OP_COMPLETE)
		return event.type != GRPC_QUEUE_SHUTDOWN;
	tag_receive(event.tag, event.success);
	return true;
}

bool threads_turn(struct rpc_server *server)
{
	return turn(server, gpr_inf_future(GPR_CLOCK_MONOTONIC));
}

static gpr_timespec next_pulse(const struct rpc_server *server, int64_t now)
{
	const int64_t until = now + server->options.pulse_ms * MILLISECOND;

	if (server->options.pulse_ms == 0)
		return gpr_inf_future(GPR_CLOCK_MONOTONIC);
	return (gpr_timespec){.tv_sec = until / NANOSECONDS,
			      .tv_nsec = (int32_t)(until % NANOSECONDS),
			      .clock_type = GPR_CLOCK_MONOTONIC};
}

/* ---- leading ---- */

static void lead(struct rpc_thread *thread)
{
	struct rpc_server *server = thread->server;

	pthread_mutex_lock(&server->lead_lock);
	atomic_store(&thread->turned, RESTS);
	while (server->is_led)
		pthread_cond_wait(&server->lead_free, &server->lead_lock);
	server->is_led = thread->leads = true;
	pthread_mutex_unlock(&server->lead_lock);
}

void threads_hand_over(void)
{
	struct rpc_server *server;

	if (!self || !self->leads)
		return;
	server = self->server;
	pthread_mutex_lock(&server->lead_lock);
	server->is_led = self->leads = false;
	pthread_cond_signal(&server->lead_free);
	pthread_mutex_unlock(&server->lead_lock);
}

static void *thread_run(void *user)
{
	struct rpc_thread *thread = user;
	bool goes_on = true;
	int64_t now;

	self = thread;
	while (goes_on) {
		lead(thread);
		while (goes_on && thread->leads) {
			now = now_on(CLOCK_MONOTONIC_COARSE);
			atomic_store(&thread->turned, now);
			goes_on = turn(thread->server, next_pulse(thread->server, now));
		}
	}
	/* The others see the end of the queue one after the other. */
	threads_hand_over();
	return NULL;
}

/* ---- life ---- */

int threads_init(struct rpc_server *server, size_t n)
{
	pthread_mutex_init(&server->lead_lock, NULL);
	pthread_cond_init(&server->lead_free, NULL);
	server->threads = calloc(n, sizeof(*server->threads));
	return server->threads ? 0 : -ENOMEM;
}

int threads_start(struct rpc_server *server, size_t n)
{
	int err = 0;

	while (!err && server->n_threads < n) {
		struct rpc_thread *thread = &server->threads[server->n_threads];

		thread->server = server;
		atomic_init(&thread->turned, RESTS);
		err = signals_thread(&thread->thread, thread_run, thread);
		server->n_threads += !err;
	}
	return err;
}

void threads_join(struct rpc_server *server)
{
	for (size_t i = 0; i < server->n_threads; i++)
		pthread_join(server->threads[i].thread, NULL);
}

void threads_done(struct rpc_server *server)
{
	free(server->threads);
	pthread_cond_destroy(&server->lead_free);
	pthread_mutex_destroy(&server->lead_lock);
}

bool rpc_server_is_alive(const struct rpc_server *server, unsigned int ms)
{
	const int64_t now = now_on(CLOCK_MONOTONIC_COARSE);

	for (size_t i = 0; i < server->n_threads; i++)
		if (now - atomic_load(&server->threads[i].turned) > ms * MILLISECOND)
			return false;
	return true;
}
