/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judges the bytes of a request before protobuf-c unpacks them. protobuf-c keeps unknown
 * fields and enum values silently, takes any octets for text, cuts strings at NUL for C,
 * drops the upper half of a too large number and sets no limit to nesting.
 */
#ifndef WAYMARK_RPC_CHECK_H
#define WAYMARK_RPC_CHECK_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

#include "rpc/status.h"

/* 0, or -EBADMSG with INVALID_ARGUMENT in *status and the path of the field to blame, such as
 * "mark.match.destination" or "updates[17].set.mark.kind"; an unknown field appears in it by
 * its number. Reasons: UNKNOWN_FIELD (field number or enum value; not if `lenient`),
 * INVALID_TEXT (no UTF-8, or a NUL in it), MALFORMED (everything else). Takes no memory. */
int check_message(const ProtobufCMessageDescriptor *type, const void *data, size_t size,
		  bool lenient, struct rpc_status *status);

#endif
