/* SPDX-License-Identifier: Apache-2.0 */
/* How a call of the C core ended: its status and trailers. */
#ifndef WAYMARK_CLIENT_OUTCOME_H
#define WAYMARK_CLIENT_OUTCOME_H

#include <grpc/grpc.h>

#include "waymark/client.h"

struct outcome {
	grpc_metadata_array trailing;
	grpc_status_code code;
	grpc_slice details;
};

void outcome_init(struct outcome *outcome);
void outcome_done(struct outcome *outcome);

/* The operation that receives it. */
grpc_op outcome_receive(struct outcome *outcome);

/* Its code, which may be 0; otherwise *error says more. */
int outcome_error(const struct outcome *outcome, struct waymark_error *error);

#endif
