/* SPDX-License-Identifier: Apache-2.0 */
#include "watch_guard.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "text.h"

void watch_guard_init(struct watch_guard *guard)
{
	sigset_t signals;

	*guard = (struct watch_guard){.out_fd = -1};
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	(void)pthread_sigmask(SIG_BLOCK, &signals, &guard->old_mask);
	guard->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
	guard->stop_fd = eventfd(0, EFD_CLOEXEC);
	(void)must(guard->signal_fd < 0 || guard->stop_fd < 0 ? NULL : guard);
}

static void *guard_thread(void *pointer)
{
	struct watch_guard *guard = pointer;
	struct pollfd fds[] = {
		{.fd = guard->signal_fd, .events = POLLIN},
		{.fd = guard->stop_fd, .events = POLLIN},
		/* Errors are always told: the other end of a pipe was closed. */
		{.fd = guard->out_fd},
	};

	while (poll(fds, sizeof(fds) / sizeof(fds[0]), -1) < 0 && errno == EINTR)
		;
	waymark_watch_cancel(guard->watch);
	return NULL;
}

void watch_guard_start(struct watch_guard *guard, struct waymark_watch *watch, int out_fd)
{
	guard->watch = watch;
	guard->out_fd = out_fd;
	(void)must(pthread_create(&guard->thread, NULL, guard_thread, guard) ? NULL : guard);
}

void watch_guard_done(struct watch_guard *guard)
{
	struct signalfd_siginfo taken;
	struct pollfd pending = {.fd = guard->signal_fd, .events = POLLIN};

	if (guard->watch) {
		(void)eventfd_write(guard->stop_fd, 1);
		(void)pthread_join(guard->thread, NULL);
	}
	/* What has ended the watch shall not end the program as well. */
	if (poll(&pending, 1, 0) > 0)
		(void)!read(guard->signal_fd, &taken, sizeof(taken));
	(void)pthread_sigmask(SIG_SETMASK, &guard->old_mask, NULL);
	(void)close(guard->signal_fd);
	(void)close(guard->stop_fd);
}
