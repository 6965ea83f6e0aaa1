/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/anchor.h"

#include <errno.h>
#include <unistd.h>

#include "datapath/tcx.h"

/* Ours first, then the leftover goes: no packet is without either. */
static int use_tcx(struct anchor *anchor, int program)
{
	int link = tcx_attach(anchor->pins, anchor->ifindex, anchor->hook, program);

	if (link < 0)
		return link;
	clsact_remove_leftover(anchor->ifindex, anchor->hook);
	anchor->link = link;
	anchor->mode = ATTACH_TCX;
	return 0;
}

static int use_clsact(struct anchor *anchor, int program)
{
	int error = clsact_attach(anchor->ifindex, anchor->hook, program, &anchor->clsact);

	if (error)
		return error;
	if (anchor->pins)
		tcx_remove_leftover(anchor->pins, anchor->ifindex, anchor->hook);
	anchor->mode = ATTACH_CLSACT;
	return 0;
}

int anchor_attach(struct anchor *anchor, enum attach_mode mode, int program,
		  const char **ret_step)
{
	int error = -EOPNOTSUPP;

	if (mode != ATTACH_CLSACT) {
		*ret_step = "tcx";
		error = use_tcx(anchor, program);
	}
	if (mode == ATTACH_CLSACT || (mode == ATTACH_NONE && error == -EOPNOTSUPP)) {
		*ret_step = "clsact";
		error = use_clsact(anchor, program);
	}
	return error;
}

void anchor_detach(struct anchor *anchor)
{
	if (anchor->mode == ATTACH_TCX)
		tcx_detach(anchor->pins, anchor->ifindex, anchor->hook, anchor->link);
	if (anchor->mode == ATTACH_CLSACT)
		clsact_detach(&anchor->clsact);
	anchor->mode = ATTACH_NONE;
}

void anchor_release(struct anchor *anchor)
{
	if (anchor->mode == ATTACH_TCX)
		close(anchor->link);
	anchor->mode = ATTACH_NONE;
}

bool anchor_holds(const struct anchor *anchor)
{
	switch (anchor->mode) {
	case ATTACH_TCX:
		return tcx_holds(anchor->ifindex, anchor->hook, anchor->link);
	case ATTACH_CLSACT:
		return clsact_holds(&anchor->clsact);
	case ATTACH_NONE:
		break;
	}
	return false;
}
