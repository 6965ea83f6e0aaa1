/* SPDX-License-Identifier: Apache-2.0 */
/* Decides whether and when a call that failed is made again: see waymark/client.h. */
#ifndef WAYMARK_CLIENT_RETRY_H
#define WAYMARK_CLIENT_RETRY_H

#include "waymark/client.h"

#define RETRY_FOR_EVER 0

/* Plain value: set max_attempts and leave the rest zero. */
struct retry {
	unsigned int max_attempts; /* or RETRY_FOR_EVER */
	unsigned int failures; /* in a row */
};

/* Milliseconds until the next attempt, after one more failure; negative: there is none. */
int64_t retry_pause(struct retry *retry, const struct waymark_error *error);

/* Waits until the next attempt is due. False, at once: there is none before the deadline. The C
 * core must be initialised. */
bool retry_wait(struct retry *retry, const struct waymark_error *error, int64_t deadline);

#endif
