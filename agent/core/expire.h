/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removes marks and leases whose deadline has passed. The kernel marks with them no more; this
 * makes room, gives the removal its revision and tells watchers.
 *
 * The writer's thread only.
 */
#ifndef WAYMARK_EXPIRE_H
#define WAYMARK_EXPIRE_H

struct group;

/* One chunk of what is due, as a group of its own. 0; negative errno: something could not be
 * removed, so it is no use to try again at once. */
int expire_chunk(struct group *group);

#endif
