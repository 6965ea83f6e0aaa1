/* SPDX-License-Identifier: Apache-2.0 */
/* Messages to bytes of the C core and back. */
#ifndef WAYMARK_CLIENT_MESSAGE_H
#define WAYMARK_CLIENT_MESSAGE_H

#include <grpc/byte_buffer.h>
#include <protobuf-c/protobuf-c.h>

#include "agent/cleanup.h"

DEFINE_CLEANUP(destroy_byte_buffer, grpc_byte_buffer *, grpc_byte_buffer_destroy)

/* The caller destroys it. */
grpc_byte_buffer *message_pack(const ProtobufCMessage *message);

/* NULL: the bytes (NULL is fine) are none of this type, or no memory. */
ProtobufCMessage *message_unpack(const ProtobufCMessageDescriptor *type,
				 grpc_byte_buffer *buffer);

#endif
