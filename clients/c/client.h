/* SPDX-License-Identifier: Apache-2.0 */
/* A client, as the parts of the library see it: constant from waymark_open() on. */
#ifndef WAYMARK_CLIENT_CLIENT_H
#define WAYMARK_CLIENT_CLIENT_H

#include <grpc/grpc.h>

#include "waymark/client.h"

struct waymark_client {
	grpc_channel *channel;
	int64_t call_timeout_ms;
	int64_t replace_timeout_ms;
	unsigned int max_attempts;
	bool wait_for_ready;
};

#endif
