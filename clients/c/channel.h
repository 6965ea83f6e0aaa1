/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the C core's channel from what people write. */
#ifndef WAYMARK_CLIENT_CHANNEL_H
#define WAYMARK_CLIENT_CHANNEL_H

#include <grpc/grpc.h>

#include "waymark/client.h"

#define CHANNEL_TARGET_MAX 512

/* Writes the target as the C core's resolvers want it: "unix:/path" or "dns:///host:port".
 * 0, or INVALID_ARGUMENT. */
int channel_resolve_target(const char *target, char ret[static CHANNEL_TARGET_MAX],
			   struct waymark_error *error);

/* Errors of waymark_open(). The C core must be initialised. */
int channel_new(const struct waymark_options *options, grpc_channel **ret,
		struct waymark_error *error);

#endif
