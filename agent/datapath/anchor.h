/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One program at one hook of one interface, by tcx or by clsact.
 */
#ifndef WAYMARK_ANCHOR_H
#define WAYMARK_ANCHOR_H

#include <stdbool.h>
#include <stdint.h>

#include "datapath/attach.h"
#include "datapath/clsact.h"
#include "datapath/hook.h"
#include "datapath/pin_folder.h"

struct anchor {
	enum attach_mode mode; /* ATTACH_NONE: nothing hangs */
	const struct pin_folder *pins; /* NULL: nothing is pinned */
	uint32_t ifindex;
	enum hook hook;
	int link; /* ATTACH_TCX */
	struct clsact clsact; /* ATTACH_CLSACT */
};

/* Hangs the program at anchor->{pins, ifindex, hook}, in the place of what an earlier agent
 * left there. mode as in attach_new(). 0, or negative errno and what of `ret_step` failed. */
int anchor_attach(struct anchor *anchor, enum attach_mode mode, int program,
		  const char **ret_step);

/* Takes it off; nothing is left. */
void anchor_detach(struct anchor *anchor);

/* Leaves it in force, if it is pinned or a filter, and lets go of it. */
void anchor_release(struct anchor *anchor);

/* Does it still hang? */
bool anchor_holds(const struct anchor *anchor);

#endif
