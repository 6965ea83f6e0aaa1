/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far a watch has come, and what the next stream has to ask for. Pure functions.
 */
#ifndef WAYMARK_CLIENT_POSITION_H
#define WAYMARK_CLIENT_POSITION_H

#include "waymark/client.h"

/* Plain value; zero: nothing was received yet. */
struct position {
	char state_id[64]; /* empty: none */
	uint64_t revision;
	bool fresh; /* what the request says about resuming no longer holds */
};

/* Moves on: the user is about to get this message of a watch that asked for `request`. */
void position_take(struct position *position, const Waymark__V1__WatchMarksRequest *request,
		   const Waymark__V1__WatchMarksResponse *message);

/* Begins anew: with a snapshot. False: the watch does so already. */
bool position_reset(struct position *position, const Waymark__V1__WatchMarksRequest *request);

/* What to ask for now. Borrows the texts of both. */
Waymark__V1__WatchMarksRequest position_request(const struct position *position,
						const Waymark__V1__WatchMarksRequest *request);

#endif
