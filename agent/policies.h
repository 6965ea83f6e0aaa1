/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy in use, and those that were before it: like registries, they stay until the end,
 * because calls may still look at them, and a file that nobody touched is not read again.
 * Main thread only.
 */
#ifndef WAYMARK_POLICIES_H
#define WAYMARK_POLICIES_H

#include <stddef.h>

#include "file_stamp.h"

struct policy;
struct registry;

struct policies {
	struct policy **items; /* the newest last */
	size_t n;
	struct file_stamp file; /* of the newest one, when it was read; builtin: none */
	const struct registry *registry; /* that gave the newest one its names */
};

void policies_done(struct policies *policies);

/* Reads the file (NULL: what holds without one) anew unless it is the one that is in use
 * already, unchanged and with the same registry. 0, or negative errno with an error of
 * POLICY_ERROR_MAX octets; nothing has changed then. */
int policies_load(struct policies *policies, const char *path, const struct registry *registry,
		  char *error);

const struct policy *policies_newest(const struct policies *policies);

#endif
