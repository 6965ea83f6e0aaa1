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

/* Is this program on that interface of our network namespace? Only who has CAP_NET_ADMIN may
 * ask: -EPERM. */
static int has_program(uint32_t ifindex, enum hook hook, uint32_t program_id)
{
	uint32_t programs[PROGRAMS_MAX], count = PROGRAMS_MAX;
	int error = bpf_prog_query((int)ifindex, attach_type(hook), 0, NULL, programs, &count);

	if (error)
		return error;
	for (uint32_t i = 0; i < count; i++)
		if (programs[i] == program_id)
			return 1;
	return 0;
}

/* The link says on the interface of which number it hangs, 0 if that has gone. Numbers mean
 * something in their own namespace only, but links of others have gone by the time at which
 * nobody may ask any more: tcx_remove_strangers(). */
bool tcx_holds(uint32_t ifindex, enum hook hook, int link)
{
	struct bpf_link_info info = {0};
	uint32_t size = sizeof(info);
	int there;

	/* tcx.ifindex is in the same place, in headers that have it. */
	if (bpf_obj_get_info_by_fd(link, &info, &size) || info.xdp.ifindex != ifindex)
		return false;
	there = has_program(ifindex, hook, info.prog_id);
	return there > 0 || there == -EPERM;
}

/* The loopback interface is there in every namespace, and its number is 1. */
bool tcx_is_supported(void)
{
	return has_program(1, HOOK_EGRESS, 0) != -EINVAL;
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

static void remove_stranger(const struct pin_folder *pins, uint32_t ifindex, enum hook hook,
			    void *user)
{
	int link = pin_folder_get(pins, ifindex, hook);

	(void)user;
	if (link < 0)
		return;
	if (tcx_holds(ifindex, hook, link))
		close(link);
	else
		tcx_detach(pins, ifindex, hook, link);
}

void tcx_remove_strangers(const struct pin_folder *pins)
{
	pin_folder_each(pins, remove_stranger, NULL);
}
