/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program on an interface's egress by a tcx link, from kernel 6.6 on.
 */
#ifndef WAYMARK_TCX_H
#define WAYMARK_TCX_H

#include <stdint.h>

/* A link that lasts as long as its file descriptor: that, or -EOPNOTSUPP where the kernel has
 * no tcx, or what else the kernel said. */
int tcx_attach(uint32_t ifindex, int program);

void tcx_detach(int link);

#endif
