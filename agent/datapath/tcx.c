/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/tcx.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <unistd.h>

#include "failpoint.h"

/* BPF_TCX_INGRESS and BPF_TCX_EGRESS, which libbpf knows from 1.3 on. */
#define TCX_INGRESS 46
#define TCX_EGRESS 47

/* The most that the kernel lets hang at one place. */
#define PROGRAMS_MAX 64

static enum bpf_attach_type attach_type(enum hook hook)
{
	return (enum bpf_attach_type)(hook == HOOK_EGRESS ? TCX_EGRESS : TCX_INGRESS);
}

/* The number of a link's program is unique in the kernel, an interface's number is not. */
bool tcx_holds(uint32_t ifindex, enum hook hook, int link)
{
	uint32_t programs[PROGRAMS_MAX], count = PROGRAMS_MAX;
	struct bpf_link_info info = {0};
	uint32_t size = sizeof(info);

	if (bpf_obj_get_info_by_fd(link, &info, &size) ||
	    bpf_prog_query((int)ifindex, attach_type(hook), 0, NULL, programs, &count))
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (programs[i] == info.prog_id)
			return true;
	return false;
}

/* A link whose device went away (-ENOLINK) or that is in another network namespace makes way
 * for a new one. */
static int adopt(const struct pin_folder *pins, uint32_t ifindex, enum hook hook, int program)
{
	int link = pin_folder_get(pins, ifindex, hook);

	if (link < 0)
		return link;
	FAILPOINT("while-attaching");
	if (tcx_holds(ifindex, hook, link) && !bpf_link_update(link, program, NULL))
		return link;
	tcx_detach(pins, ifindex, hook, link);
	return -ENOLINK;
}

int tcx_attach(const struct pin_folder *pins, uint32_t ifindex, enum hook hook, int program)
{
	int link = pins ? adopt(pins, ifindex, hook, program) : -ENOENT, error;

	if (link >= 0)
		return link;
	link = bpf_link_create(program, (int)ifindex, attach_type(hook), NULL);
	if (link < 0)
		return link == -EINVAL ? -EOPNOTSUPP : link;
	FAILPOINT("while-attaching");
	error = pins ? pin_folder_put(pins, ifindex, hook, link) : 0;
	if (!error)
		return link;
	tcx_detach(NULL, ifindex, hook, link);
	return error;
}

/* Detaching makes it so even if another process should have the descriptor. */
void tcx_detach(const struct pin_folder *pins, uint32_t ifindex, enum hook hook, int link)
{
	bpf_link_detach(link);
	close(link);
	if (pins)
		pin_folder_drop(pins, ifindex, hook);
}

bool tcx_remove_leftover(const struct pin_folder *pins, uint32_t ifindex, enum hook hook)
{
	int link = pin_folder_get(pins, ifindex, hook);

	if (link < 0)
		return false;
	tcx_detach(pins, ifindex, hook, link);
	return true;
}
