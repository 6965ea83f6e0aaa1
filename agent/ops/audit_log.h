/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of who did what: lines come from any thread and are written by one of its own, so
 * that a slow or full disk holds nobody up. What there is no room for, in memory or on the
 * disk, is lost, counted, and reported, and the file says how many lines are missing where.
 */
#ifndef WAYMARK_AUDIT_LOG_H
#define WAYMARK_AUDIT_LOG_H

#include <stddef.h>
#include <stdint.h>

struct audit_log;

/* Octets of lines that may wait: some 30,000, half a second of the busiest controllers. Twice
 * as much memory, of which only what was ever needed is taken. */
#define AUDIT_LOG_QUEUE_MAX (8 * 1024 * 1024)

struct audit_log_options {
	const char *path; /* copied; "-": stderr */
	/* Once when lines begin to be lost, with the negative errno (-ENOBUFS: they come faster
	 * than they can be written), and once, with 0 and their number, when that is over. On
	 * the writer's thread. */
	void (*report)(int error, uint64_t lost, void *user);
	void *user;
};

/* Opens the file, made with mode 0640, to append to it. 0 or negative errno. */
int audit_log_open(const struct audit_log_options *options, struct audit_log **ret);

/* Starts the writer; lines may come before. Once. 0 or negative errno. */
int audit_log_start(struct audit_log *log);

/* Queues a line, which ends with a newline. Never waits for the disk. Any thread. */
void audit_log_write(struct audit_log *log, const char *line, size_t size);

/* The file was moved away: the next lines go into a new one of the same name. A failure is
 * reported, and the old one stays in use. Any thread. */
void audit_log_reopen(struct audit_log *log);

/* Lines that were lost since the start. Any thread. */
uint64_t audit_log_lost(const struct audit_log *log);

/* Writes what waits, and ends the writer. NULL is fine. */
void audit_log_close(struct audit_log *log);

#endif
