/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's log: one line an event on stderr, in text for people or JSON for machines.
 *
 * Threads: any. A line leaves in a single write(2) of at most 4096 octets, so lines of several
 * threads never mix, not even in a pipe; what does not fit ends in "...". Control characters
 * and invalid UTF-8 are escaped: no value can forge a line or steer a terminal.
 */
#ifndef WAYMARK_LOG_H
#define WAYMARK_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* A fact beside the message. The key is a constant of lower-case letters and '_', other than
 * time, level and message; pairs whose value is NULL are left out. */
struct log_pair {
	const char *key;
	const char *value;
};

/* Levels above this one are dropped. At first: info, text. */
void log_set(enum log_level level, enum log_format format);

bool log_enabled(enum log_level level);

/* pairs ends with a NULL key, or is NULL. Keeps errno. */
__attribute__((format(printf, 3, 4))) void
log_write(enum log_level level, const struct log_pair pairs[], const char *format, ...);

/* log_write(LOG_LEVEL_INFO, LOG_PAIRS({"interface", name}, {"mode", mode}), "attached"); */
#define LOG_PAIRS(...) ((const struct log_pair[]){__VA_ARGS__, {NULL, NULL}})

#define log_error(...) log_write(LOG_LEVEL_ERROR, NULL, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, NULL, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, NULL, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, NULL, __VA_ARGS__)

#endif
