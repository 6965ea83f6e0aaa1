/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What became of the updates of a call, as messages.
 */
#ifndef WAYMARK_RESULT_H
#define WAYMARK_RESULT_H

#include <waymark/v1/marker.pb-c.h>

#include "core/engine.h"

struct result;

/* All zero at first. */
struct result_list {
	struct result *results;
	Waymark__V1__UpdateResult **messages; /* point into the results */
	size_t n, max;
};

/* Makes room for `max` results: before anything is changed, so that the answer cannot fail
 * afterwards. 0 or -ENOMEM. */
int result_list_init(struct result_list *list, size_t max);

/* Writes the results of updates in their order, or of those that failed, as far as there is
 * room; they borrow from the updates. */
void result_list_fill(struct result_list *list, const struct engine_update *updates, size_t n,
		      bool only_failures);

void result_list_done(struct result_list *list);

#endif
