/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SciTags registry that is in use, and those that were before it: calls may still look at
 * their names, so they stay until the end. A file that nobody touched is not read again, so
 * there are few. Main thread only.
 */
#ifndef WAYMARK_REGISTRIES_H
#define WAYMARK_REGISTRIES_H

#include <stddef.h>

#include "file_stamp.h"

struct fault;
struct registry;

struct registries {
	struct registry **items; /* the newest last */
	size_t n;
	struct file_stamp file; /* of the newest one, when it was read; builtin: none */
};

void registries_done(struct registries *registries);

/* Reads the file (NULL: the builtin one) anew unless it is the one that is in use already, and
 * unchanged. 0, or negative errno with a fault that names the file;
 * nothing has changed then. */
int registries_load(struct registries *registries, const char *path, struct fault *fault);

const struct registry *registries_newest(const struct registries *registries);

#endif
