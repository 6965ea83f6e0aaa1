/* SPDX-License-Identifier: Apache-2.0 */
/* One unary exchange on the C core: bytes in, bytes or a status out. */
#ifndef WAYMARK_CLIENT_CALL_H
#define WAYMARK_CLIENT_CALL_H

#include <grpc/grpc.h>

#include "waymark/client.h"

/* Sends `request` and waits for the answer, timeout_ms at most. 0: *ret is the answer's bytes,
 * or NULL if the agent sent none, and the caller destroys it. Else the call's code. */
int call_exchange(grpc_channel *channel, const char *path, grpc_byte_buffer *request,
		  int64_t timeout_ms, grpc_byte_buffer **ret, struct waymark_error *error);

#endif
