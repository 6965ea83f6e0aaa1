/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grpc.reflection.v1 and v1alpha: what the server serves, for tools that have no .proto files.
 */
#ifndef WAYMARK_RPC_REFLECTION_H
#define WAYMARK_RPC_REFLECTION_H

#include <stddef.h>
#include <stdint.h>

#include "rpc/server.h"

#define REFLECTION_SERVICES 2

struct reflection;

/* Borrows the FileDescriptorSet. 0, -EBADMSG or -ENOMEM. */
int reflection_new(const struct rpc_server *server, const uint8_t *descriptor_set, size_t size,
		   struct reflection **ret);
void reflection_free(struct reflection *reflection);

/* index < REFLECTION_SERVICES */
const struct rpc_service *reflection_service(const struct reflection *reflection, size_t index);

#endif
