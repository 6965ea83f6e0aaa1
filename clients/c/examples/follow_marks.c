/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints what happens to the marks of an agent, a line each, until it is told to stop:
 *
 *	follow_marks AGENT
 *
 * Lost connections and restarts of the agent are the library's business; the lines say when the
 * picture may be old (LOST), when it is right again (SYNCED), and when to forget it (RESET).
 *
 *	cc follow_marks.c $(pkg-config --cflags --libs waymark) -pthread
 */
#define _GNU_SOURCE 1 /* setlinebuf */
#include <err.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <waymark/watch.h>

static sigset_t stop_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	return signals;
}

/* A thread of its own, for a signal handler must not cancel. */
static void *cancel_when_told(void *watch)
{
	const sigset_t signals = stop_signals();
	int signal;

	sigwait(&signals, &signal);
	waymark_watch_cancel(watch);
	return NULL;
}

static void print_change(const Waymark__V1__MarkEvent *event)
{
	const Waymark__V1__Mark *mark = event->mark;
	const Waymark__V1__Counters *counters = mark->counters;

	if (event->type == WAYMARK__V1__MARK_EVENT__TYPE__TYPE_PUT)
		printf("PUT %s revision %llu\n", mark->match->destination,
		       (unsigned long long)mark->revision);
	else
		printf("REMOVED %s revision %llu packets %llu\n", mark->match->destination,
		       (unsigned long long)mark->revision,
		       (unsigned long long)(counters ? counters->packets : 0));
}

static void print_event(const struct waymark_event *event)
{
	switch (event->type) {
	case WAYMARK_WATCH_CHANGES:
		for (size_t i = 0; i < event->message->events->n_events; i++)
			print_change(event->message->events->events[i]);
		break;
	case WAYMARK_WATCH_SYNCED:
		printf("SYNCED revision %llu\n",
		       (unsigned long long)event->message->header->revision);
		break;
	case WAYMARK_WATCH_RESET:
		printf("RESET %s\n", event->cause.reason);
		break;
	case WAYMARK_WATCH_LOST:
		printf("LOST %s\n", event->cause.message);
		break;
	default: /* created, heartbeat */
		break;
	}
}

int main(int argc, char **argv)
{
	/* Quick to notice an agent that is silent; one that is idle costs a ping every 10 s. */
	struct waymark_options options = {
		.keepalive_time_ms = 10000,
		.keepalive_timeout_ms = 2000,
	};
	const sigset_t signals = stop_signals();
	struct waymark_client *client;
	struct waymark_watch *watch;
	struct waymark_event event;
	struct waymark_error error;
	pthread_t thread;
	int code;

	if (argc != 2)
		errx(2, "usage: follow_marks AGENT");
	options.target = argv[1];
	/* Before the library starts threads: those that exist would take the signals. */
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	if (waymark_open(&options, &client, &error) ||
	    waymark_watch_open(client, NULL, &watch, &error))
		errx(EXIT_FAILURE, "%s", error.message);
	if (pthread_create(&thread, NULL, cancel_when_told, watch))
		errx(EXIT_FAILURE, "no thread");
	setlinebuf(stdout);
	while (!(code = waymark_watch_next(watch, -1, &event, &error)))
		print_event(&event);
	if (code != WAYMARK_CANCELLED)
		errx(EXIT_FAILURE, "%s: %s", waymark_code_name(code), error.message);
	pthread_join(thread, NULL);
	waymark_watch_close(watch);
	waymark_close(client);
	return EXIT_SUCCESS;
}
