/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/audit_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "ops/text_line.h"

struct buffer {
	size_t used;
	char octets[AUDIT_LOG_QUEUE_MAX];
};

struct audit_log {
	char *path;
	void (*report)(int error, uint64_t lost, void *user);
	void *user;
	pthread_t thread;
	bool started;

	pthread_mutex_t lock;
	pthread_cond_t news;
	struct buffer *filling; /* by whoever has a line */
	uint64_t dropped; /* lines that found no room, not accounted for yet */
	bool must_reopen, must_end;

	/* The writer's. */
	struct buffer *writing;
	int fd;
	bool is_torn; /* the file ends within a line */
	int trouble; /* that was reported and is not over: negative errno; 0: none */
	uint64_t lost; /* lines since it began */
	_Atomic uint64_t all_lost; /* since the start; others read it */
	uint64_t missing; /* lines that the file does not say to be lost yet */
};

/* ---- the file ---- */

static bool is_stderr(const struct audit_log *log)
{
	return strcmp(log->path, "-") == 0;
}

static int open_file(const struct audit_log *log)
{
	int fd = is_stderr(log) ? fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)
				: open(log->path,
				       O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY |
					       O_NONBLOCK,
				       0640);

	return fd < 0 ? -errno : fd;
}

static void tell(const struct audit_log *log, int error, uint64_t lost)
{
	if (log->report)
		log->report(error, lost, log->user);
}

/* Lines have been lost; it is told once, until lines arrive again. */
static void lose(struct audit_log *log, int error, uint64_t lines)
{
	if (log->trouble == 0)
		tell(log, error, lines);
	log->trouble = error;
	log->lost += lines;
	atomic_fetch_add(&log->all_lost, lines);
	log->missing += lines;
}

static void recover(struct audit_log *log)
{
	if (log->trouble)
		tell(log, 0, log->lost);
	log->trouble = 0;
	log->lost = 0;
}

static void reopen(struct audit_log *log)
{
	int fd = open_file(log);

	if (fd < 0) {
		tell(log, fd, 0);
		return;
	}
	close(log->fd);
	log->fd = fd;
	log->is_torn = false;
}

/* ---- writing ---- */

/* All of it; or negative errno, and *ret_rest is what was not written. */
static int write_all(struct audit_log *log, const char *text, size_t size, size_t *ret_rest)
{
	while (size > 0) {
		ssize_t n = write(log->fd, text, size);

		*ret_rest = size;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		text += n;
		size -= (size_t)n;
		log->is_torn = text[-1] != '\n';
	}
	return 0;
}

static uint64_t count_lines(const char *text, size_t size)
{
	uint64_t n = 0;

	for (size_t i = 0; i < size; i++)
		n += text[i] == '\n';
	return n;
}

/* Where lines are missing, and how many. */
static int write_gap(struct audit_log *log)
{
	char now[TEXT_LINE_TIME_SIZE], text[128];
	size_t rest;
	int size, r = log->is_torn ? write_all(log, "\n", 1, &rest) : 0;

	if (r < 0 || log->missing == 0)
		return r;
	text_line_time(now);
	size = snprintf(text, sizeof(text),
			"{\"time\":\"%s\",\"event\":\"lost\",\"lines\":%" PRIu64 "}\n", now,
			log->missing);
	r = write_all(log, text, (size_t)size, &rest);
	if (r == 0)
		log->missing = 0;
	return r;
}

/* Lines that are whole, in one piece as far as others may write there too. */
static void write_lines(struct audit_log *log, const char *text, size_t size)
{
	size_t rest = size;
	int r = write_gap(log);

	if (r == 0)
		r = write_all(log, text, size, &rest);
	if (r < 0)
		lose(log, r, count_lines(text + size - rest, rest));
	else
		recover(log);
}

/* The agent's own log goes to stderr as well, line by line. */
static void write_buffer(struct audit_log *log)
{
	const char *text = log->writing->octets, *end = text + log->writing->used;

	while (text < end) {
		const char *next = end;

		if (is_stderr(log))
			next = (const char *)memchr(text, '\n', (size_t)(end - text)) + 1;
		write_lines(log, text, (size_t)(next - text));
		text = next;
	}
	log->writing->used = 0;
}

static void *run(void *user)
{
	struct audit_log *log = user;
	bool must_reopen, must_end;
	uint64_t dropped;

	do {
		struct buffer *full;

		pthread_mutex_lock(&log->lock);
		while (log->filling->used == 0 && !log->must_reopen && !log->must_end)
			pthread_cond_wait(&log->news, &log->lock);
		full = log->filling;
		log->filling = log->writing;
		log->writing = full;
		must_reopen = log->must_reopen;
		must_end = log->must_end;
		dropped = log->dropped;
		log->must_reopen = false;
		log->dropped = 0;
		pthread_mutex_unlock(&log->lock);
		if (must_reopen)
			reopen(log);
		write_buffer(log);
		if (dropped > 0)
			lose(log, -ENOBUFS, dropped);
	} while (!must_end);
	write_gap(log);
	return NULL;
}

/* ---- life ---- */

static void log_free(struct audit_log *log)
{
	if (log->fd >= 0)
		close(log->fd);
	pthread_cond_destroy(&log->news);
	pthread_mutex_destroy(&log->lock);
	free(log->filling);
	free(log->writing);
	free(log->path);
	free(log);
}

DEFINE_CLEANUP(free_log, struct audit_log *, log_free)

int audit_log_open(const struct audit_log_options *options, struct audit_log **ret)
{
	cleanup(free_log) struct audit_log *log = calloc(1, sizeof(*log));

	if (!log)
		return -ENOMEM;
	pthread_mutex_init(&log->lock, NULL);
	pthread_cond_init(&log->news, NULL);
	log->report = options->report;
	log->user = options->user;
	log->fd = -1;
	log->path = strdup(options->path);
	log->filling = calloc(1, sizeof(*log->filling));
	log->writing = calloc(1, sizeof(*log->writing));
	if (!log->path || !log->filling || !log->writing)
		return -ENOMEM;
	log->fd = open_file(log);
	if (log->fd < 0)
		return log->fd;
	*ret = take(log);
	return 0;
}

int audit_log_start(struct audit_log *log)
{
	int r = -pthread_create(&log->thread, NULL, run, log);

	log->started = r == 0;
	return r;
}

void audit_log_write(struct audit_log *log, const char *line, size_t size)
{
	bool was_empty;

	pthread_mutex_lock(&log->lock);
	was_empty = log->filling->used == 0;
	if (size > sizeof(log->filling->octets) - log->filling->used) {
		log->dropped++;
	} else {
		memcpy(log->filling->octets + log->filling->used, line, size);
		log->filling->used += size;
	}
	pthread_mutex_unlock(&log->lock);
	if (was_empty)
		pthread_cond_signal(&log->news);
}

void audit_log_reopen(struct audit_log *log)
{
	pthread_mutex_lock(&log->lock);
	log->must_reopen = true;
	pthread_mutex_unlock(&log->lock);
	pthread_cond_signal(&log->news);
}

uint64_t audit_log_lost(const struct audit_log *log)
{
	return atomic_load(&log->all_lost);
}

void audit_log_close(struct audit_log *log)
{
	if (!log)
		return;
	if (log->started) {
		pthread_mutex_lock(&log->lock);
		log->must_end = true;
		pthread_mutex_unlock(&log->lock);
		pthread_cond_signal(&log->news);
		pthread_join(log->thread, NULL);
	}
	log_free(log);
}
