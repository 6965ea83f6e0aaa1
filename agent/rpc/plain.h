/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks and unpacks a request in one pass, if it is plain: what encoders make of usual
 * requests. Each field is there once, but for repeated messages; numbers are as short as they
 * can be and those of fields below 16; texts are ASCII. Such a request is what check_message()
 * would let pass, and becomes the message that protobuf-c would make of it.
 *
 * What is not plain may be fine as well, or not: those two know, and alone have reasons and
 * texts.
 */
#ifndef WAYMARK_RPC_PLAIN_H
#define WAYMARK_RPC_PLAIN_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

#include "rpc/arena.h"

/* The message, in the arena's memory and with nothing of `data`. NULL: not plain, or beyond the
 * arena's cap. */
const ProtobufCMessage *plain_unpack(const ProtobufCMessageDescriptor *type,
				     struct arena *arena, const void *data, size_t size);

#endif
