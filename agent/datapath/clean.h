/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes everything of ours off the host and nothing else, while no agent runs.
 */
#ifndef WAYMARK_CLEAN_H
#define WAYMARK_CLEAN_H

#include <stdbool.h>

struct pin_folder;

struct clean_count {
	unsigned links, filters, pins;
};

/* Pinned links, wherever they hang; our filters on the interfaces of this network namespace,
 * with the clsact qdiscs that were made for them and that nobody uses; the pinned maps and
 * programs; and the folder, if nobody else has put something there. pins: NULL if there are
 * none. */
struct clean_count clean(const struct pin_folder *pins);

/* Is any of our filters on an interface of this network namespace? */
bool clean_has_filters(void);

#endif
