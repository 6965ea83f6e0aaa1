/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The start of the engine: index, owners and leases from the store; then the kernel's maps in
 * line with them. Before the writer's thread exists.
 */
#ifndef WAYMARK_RESTORE_H
#define WAYMARK_RESTORE_H

#include "core/group.h"

struct restoration;

/* Fills the group's index and leases. Readers may look at them from here on. 0, and
 * restore_free() is due; or negative errno. */
int restore_index(struct group *group, struct restoration **ret);

/* Programs the kernel, beside readers. Marks that the maps hold as they should be go on marking
 * all the while. 0 or negative errno. */
int restore_maps(struct restoration *restoration, struct engine_restored *ret);

/* NULL is fine. */
void restore_free(struct restoration *restoration);

#endif
