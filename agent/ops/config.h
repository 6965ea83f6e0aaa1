/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent was told to do: defaults, then a YAML file, then the command line.
 * packaging/waymark.yaml shows every key. Main thread only; nothing here is logged.
 */
#ifndef WAYMARK_CONFIG_H
#define WAYMARK_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ops/log.h"

#define CONFIG_LISTEN_DEFAULT "unix:/run/waymark/waymark.sock"
#define CONFIG_PIN_DIR_DEFAULT "/sys/fs/bpf/waymark"
#define CONFIG_STATE_DIR_DEFAULT "/var/lib/waymark"
#define CONFIG_AUDIT_INTERVAL_DEFAULT 60
#define CONFIG_HISTORY_DEFAULT 1000000
/* Some 200 octets each on disk. */
#define CONFIG_HISTORY_MAX 100000000
#define CONFIG_MARKS_DEFAULT 262144
#define CONFIG_NETWORKS_DEFAULT 16384
/* A quarter to a half of what the agent can answer on a small host, so that one caller cannot
 * take it all; more than a controller with one call at a time can make. */
#define CONFIG_CALLS_PER_SECOND_DEFAULT 10000
#define CONFIG_CALLS_PER_SECOND_MAX 1000000
/* Both together load: slots of the kernel's tables are numbered in 24 bits. */
#define CONFIG_MARKS_MAX 16000000
/* A trie of more prefixes costs every packet too much. */
#define CONFIG_NETWORKS_MAX 16384

enum config_attach { CONFIG_ATTACH_AUTO, CONFIG_ATTACH_TCX, CONFIG_ATTACH_CLSACT };

/* A set in the order of first mention. */
struct config_list {
	char **items;
	size_t n;
};

struct config {
	char *file; /* path of the file that it was read from; NULL: none */
	struct config_list interfaces; /* names and patterns */
	enum config_attach attach;
	bool observe_ingress;
	char *pin_dir; /* path; "": nothing is pinned */
	bool detach; /* on stop */
	char *state_dir; /* path */
	uint32_t history; /* changes that the store keeps for watches */
	uint32_t audit_interval; /* s; 0: no audits */
	struct config_list listen; /* "unix:/path", "host:port" or "[v6]:port" */
	bool insecure_loopback;
	struct {
		char *certificate, *key, *client_ca; /* paths; NULL: none */
	} tls; /* all three or none */
	char *registry; /* path; NULL: the builtin one */
	char *policy; /* path; NULL: root on the unix socket only */
	struct {
		char *file; /* path, or "-": stderr; NULL: no audit log */
	} audit;
	struct {
		uint32_t marks, networks;
	} capacity;
	struct {
		char *listen; /* "unix:/path", "127.0.0.1:port" or "[::1]:port"; NULL: none */
	} metrics;
	struct {
		uint32_t calls_per_second; /* of each identity */
	} limits;
	struct {
		enum log_level level;
		enum log_format format;
	} log;
};

/* The path in "unix:/path"; NULL: it is another kind of address. */
const char *config_unix_path(const char *address);

/* One sentence that names where, what and the value. */
#define CONFIG_ERROR_MAX 512

/* Fills error and returns -EINVAL. */
__attribute__((format(printf, 2, 3))) int config_refuse(char error[static CONFIG_ERROR_MAX],
							const char *format, ...);

/* The defaults, but for `listen`, `pin_dir` and `state_dir`, which get theirs in
 * config_complete(). */
void config_init(struct config *config);
void config_done(struct config *config);

/* Adds what the file says: lists grow, everything else is replaced. Relative paths in it are
 * relative to its directory. 0, or -EINVAL with "file:line: what is wrong, what was expected"
 * or why it could not be read; the config may have changed in part then. */
int config_load(struct config *config, const char *path, char error[static CONFIG_ERROR_MAX]);

/* Adds one value under its key in the file ("tls.certificate"), which must exist; paths are
 * taken as they are. 0, or -EINVAL with what was expected ("must be true or false"). */
int config_set(struct config *config, const char *key, const char *value,
	       char error[static CONFIG_ERROR_MAX]);

/* Once everything is said: default listener and folders, and whether the values go together. 0
 * or -EINVAL.
 */
int config_complete(struct config *config, char error[static CONFIG_ERROR_MAX]);

/* Of two complete configurations: swaps what may change while an agent runs, so that *config is
 * as *wanted was, and calls `each` for every other key in which they differ. */
void config_change(struct config *config, struct config *wanted,
		   void (*each)(const char *key, void *user), void *user);

#endif
