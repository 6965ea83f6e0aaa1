/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives up what the agent does not need any more once its programs are loaded: capabilities,
 * files, system calls.
 */
#ifndef WAYMARK_PRIVILEGES_H
#define WAYMARK_PRIVILEGES_H

#include <stdbool.h>
#include <stddef.h>

enum privileges_access {
	PRIVILEGES_READ,
	PRIVILEGES_WRITE, /* and make, rename and remove what is in it */
	PRIVILEGES_REMOVE_FOLDER, /* empty ones, and nothing else */
};

/* A file or folder, with all that is in it. */
struct privileges_path {
	const char *path; /* NULL or not there: skipped */
	enum privileges_access access;
};

struct privileges_options {
	const struct privileges_path *paths; /* beside what the system needs to be read */
	size_t n_paths;
	bool keep_net_admin; /* filters of clsact come and go by rtnetlink, which asks for it */
};

struct privileges_report {
	const char *kept; /* the capabilities that had to stay; "none" */
	bool files_restricted; /* Landlock is there */
};

#define PRIVILEGES_ERROR_MAX 256

/* Drops every capability but those that the options, or this kernel for changing maps at all
 * (before 5.19: CAP_BPF and CAP_NET_ADMIN), demand. Then no_new_privs, not dumpable, Landlock
 * with what the system needs to be read and `paths`, and a list of system calls. For the
 * calling thread and those that it starts: call it before there are others. 0, or negative
 * errno with `error`: the process should end. */
int privileges_drop(const struct privileges_options *options, struct privileges_report *ret,
		    char error[static PRIVILEGES_ERROR_MAX]);

/* Is CAP_PERFMON (or CAP_SYS_ADMIN) there? Programs loaded without it cost twice as much. */
bool privileges_have_perfmon(void);

/* ---- the parts, in their order; 0 or negative errno ---- */

/* landlock.c. -EOPNOTSUPP: this kernel has none. */
int landlock_restrict(const struct privileges_path paths[], size_t n);

/* syscalls.c. */
int syscalls_restrict(void);

#endif
