/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The start of the engine: index and leases from the store, the kernel's maps in line with
 * both. Before the writer's thread exists.
 */
#ifndef WAYMARK_RESTORE_H
#define WAYMARK_RESTORE_H

#include "core/group.h"

/* Fills the group's index and leases, and programs the kernel. Marks that the maps hold as they
 * should be go on marking all the while. 0 or negative errno. */
int restore(struct group *group, struct engine_restored *ret);

#endif
