/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SciTags registry in a file, for agent and command line.
 */
#ifndef WAYMARK_REGISTRY_FILE_H
#define WAYMARK_REGISTRY_FILE_H

#include "core/registry.h"

/* Reads a registry; path NULL: the builtin one. 0; -EINVAL: not a registry; else what
 * read_file() says; fault->message names the file. */
int registry_load(const char *path, struct registry **ret, struct fault *fault);

#endif
