/* SPDX-License-Identifier: Apache-2.0 */
/* What can be said of an update without asking an agent. */
#ifndef WAYMARK_CLI_MARK_CHECK_H
#define WAYMARK_CLI_MARK_CHECK_H

#include "agent/core/fault.h"
#include "waymark/v1/marker.pb-c.h"

/* Is it well formed by itself? 0, or -EINVAL with the fault's field relative to the update.
 * Names, lifetimes and rights are for the agent to judge. */
int update_check(const Waymark__V1__MarkUpdate *update, struct fault *fault);

#endif
