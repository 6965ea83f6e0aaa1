/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a SciTags registry from a file. */
#ifndef WAYMARK_CLI_REGISTRY_FILE_H
#define WAYMARK_CLI_REGISTRY_FILE_H

#include "agent/core/scitag.h"
#include "option.h"

/* 0, or -1 with one sentence in reason. */
int registry_read_file(const char *path, struct registry **ret, char reason[static REASON_MAX]);

#endif
