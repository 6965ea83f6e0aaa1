/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/clsact.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "datapath/attach.h"
#include "datapath/tc_query.h"
#include "failpoint.h"

/* libbpf refuses structs with anything in their padding, which initialisers may leave. */
static void hook_init(struct bpf_tc_hook *hook, uint32_t ifindex,
		      enum bpf_tc_attach_point point)
{
	memset(hook, 0, sizeof(*hook));
	hook->sz = sizeof(*hook);
	hook->ifindex = (int)ifindex;
	hook->attach_point = point;
}

static void filter_init(struct bpf_tc_opts *options, uint32_t handle)
{
	memset(options, 0, sizeof(*options));
	options->sz = sizeof(*options);
	options->handle = handle;
	options->priority = ATTACH_CLSACT_PRIORITY;
}

static enum bpf_tc_attach_point point_of(enum hook hook)
{
	return hook == HOOK_EGRESS ? BPF_TC_EGRESS : BPF_TC_INGRESS;
}

/* 1: created, 0: there was one, or negative errno. On an "ingress" qdisc the kernel would take
 * a filter for egress too, but for the packets that come in. */
static int qdisc_create(uint32_t ifindex)
{
	struct bpf_tc_hook hook;
	int error, clsact;

	hook_init(&hook, ifindex, BPF_TC_EGRESS);
	error = bpf_tc_hook_create(&hook);
	if (error != -EEXIST)
		return error ? error : 1;
	clsact = tc_has_clsact(ifindex);
	if (clsact < 0)
		return clsact;
	return clsact ? 0 : -EBUSY;
}

/* When we cannot look, we assume that somebody is there. */
static void qdisc_remove_unused(uint32_t ifindex)
{
	struct bpf_tc_hook hook;

	hook_init(&hook, ifindex, BPF_TC_INGRESS | BPF_TC_EGRESS);
	if (tc_has_filters(ifindex) == 0)
		bpf_tc_hook_destroy(&hook);
}

static int filter_attach(const struct clsact *clsact, int program, bool qdisc_is_ours,
			 uint32_t *ret_program_id)
{
	struct tc_filter leftover = {0};
	struct bpf_tc_hook hook;
	struct bpf_tc_opts options;
	int error = tc_find_ours(clsact->ifindex, clsact->hook, &leftover);

	if (error)
		return error;
	hook_init(&hook, clsact->ifindex, point_of(clsact->hook));
	filter_init(&options,
		    qdisc_is_ours ? ATTACH_CLSACT_HANDLE : ATTACH_CLSACT_HANDLE_GUEST);
	if (leftover.program_id) {
		options.handle = leftover.handle;
		options.flags = BPF_TC_F_REPLACE;
	}
	options.prog_fd = program;
	error = bpf_tc_attach(&hook, &options);
	if (!error)
		*ret_program_id = options.prog_id;
	return error;
}

int clsact_attach(uint32_t ifindex, enum hook hook, int program, struct clsact *ret)
{
	struct clsact clsact = {.ifindex = ifindex, .hook = hook};
	int created = qdisc_create(ifindex), error;

	if (created < 0)
		return created;
	FAILPOINT("while-attaching");
	error = filter_attach(&clsact, program, created, &clsact.program_id);
	if (!error)
		*ret = clsact;
	else if (created)
		qdisc_remove_unused(ifindex);
	return error;
}

static void filter_remove(uint32_t ifindex, enum hook at, uint32_t handle)
{
	struct bpf_tc_hook hook;
	struct bpf_tc_opts options;

	hook_init(&hook, ifindex, point_of(at));
	filter_init(&options, handle);
	if (!bpf_tc_detach(&hook, &options) && handle == ATTACH_CLSACT_HANDLE)
		qdisc_remove_unused(ifindex);
}

void clsact_detach(const struct clsact *clsact)
{
	struct tc_filter found;

	if (!tc_find_ours(clsact->ifindex, clsact->hook, &found) &&
	    found.program_id == clsact->program_id)
		filter_remove(clsact->ifindex, clsact->hook, found.handle);
}

bool clsact_holds(const struct clsact *clsact)
{
	struct tc_filter found;

	return !tc_find_ours(clsact->ifindex, clsact->hook, &found) &&
	       found.program_id == clsact->program_id;
}

bool clsact_remove_leftover(uint32_t ifindex, enum hook hook)
{
	struct tc_filter found;

	if (tc_find_ours(ifindex, hook, &found) || !found.program_id)
		return false;
	filter_remove(ifindex, hook, found.handle);
	return true;
}
