/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/clsact.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "datapath/attach.h"
#include "datapath/tc_query.h"

/* libbpf refuses structs with anything in their padding, which initialisers may leave. */
static void hook_init(struct bpf_tc_hook *hook, uint32_t ifindex,
		      enum bpf_tc_attach_point point)
{
	memset(hook, 0, sizeof(*hook));
	hook->sz = sizeof(*hook);
	hook->ifindex = (int)ifindex;
	hook->attach_point = point;
}

static void our_filter_init(struct bpf_tc_opts *options)
{
	memset(options, 0, sizeof(*options));
	options->sz = sizeof(*options);
	options->handle = ATTACH_CLSACT_HANDLE;
	options->priority = ATTACH_CLSACT_PRIORITY;
}

static void filter_remove(uint32_t ifindex)
{
	struct bpf_tc_hook hook;
	struct bpf_tc_opts options;

	hook_init(&hook, ifindex, BPF_TC_EGRESS);
	our_filter_init(&options);
	bpf_tc_detach(&hook, &options);
}

/* 1: created, 0: there was one, or negative errno. On an "ingress" qdisc the kernel would take
 * our filter too, but for the packets that come in. */
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

static int filter_attach(uint32_t ifindex, int program, uint32_t *ret_program_id)
{
	struct bpf_tc_hook hook;
	struct bpf_tc_opts options;
	uint32_t leftover = 0;
	int error = tc_find_ours(ifindex, &leftover);

	if (error)
		return error;
	hook_init(&hook, ifindex, BPF_TC_EGRESS);
	our_filter_init(&options);
	options.prog_fd = program;
	options.flags = leftover ? BPF_TC_F_REPLACE : 0;
	error = bpf_tc_attach(&hook, &options);
	if (!error)
		*ret_program_id = options.prog_id;
	return error;
}

int clsact_attach(uint32_t ifindex, int program, struct clsact *ret)
{
	uint32_t program_id = 0;
	int created = qdisc_create(ifindex), error;

	if (created < 0)
		return created;
	error = filter_attach(ifindex, program, &program_id);
	if (error) {
		if (created)
			qdisc_remove_unused(ifindex);
		return error;
	}
	*ret = (struct clsact){
		.ifindex = ifindex,
		.program_id = program_id,
		.qdisc_is_ours = created,
	};
	return 0;
}

void clsact_detach(const struct clsact *clsact)
{
	uint32_t found;

	if (!tc_find_ours(clsact->ifindex, &found) && found == clsact->program_id)
		filter_remove(clsact->ifindex);
	if (clsact->qdisc_is_ours)
		qdisc_remove_unused(clsact->ifindex);
}

void clsact_remove_leftover(uint32_t ifindex)
{
	uint32_t found;

	if (!tc_find_ours(ifindex, &found) && found)
		filter_remove(ifindex);
}
