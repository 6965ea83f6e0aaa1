/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/tcx.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <unistd.h>

/* BPF_TCX_EGRESS, which libbpf knows from 1.3 on. */
#define TCX_EGRESS ((enum bpf_attach_type)47)

int tcx_attach(uint32_t ifindex, int program)
{
	int link = bpf_link_create(program, (int)ifindex, TCX_EGRESS, NULL);

	return link == -EINVAL ? -EOPNOTSUPP : link;
}

/* Detaching first makes it so even if another process should have got the descriptor. */
void tcx_detach(int link)
{
	bpf_link_detach(link);
	close(link);
}
