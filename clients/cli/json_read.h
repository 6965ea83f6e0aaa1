/* SPDX-License-Identifier: Apache-2.0 */
/* protobuf-c messages from JSON, as json.h writes them. */
#ifndef WAYMARK_CLI_JSON_READ_H
#define WAYMARK_CLI_JSON_READ_H

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>

#include "option.h"

/*
 * Reads an object by the proto3 JSON mapping, as far as marks and updates need it: no repeated
 * fields, no bytes, no floats. Names also as the .proto has them, enums also without prefix in
 * any case, null as absent; unknown names are refused. Shorter forms that people write: a
 * SciTag as "cms/14", a duration as "1h30m". A mark's output-only fields are ignored whatever
 * they hold.
 *
 * The caller frees the message with protobuf_c_message_free_unpacked(). NULL: reason has the
 * path of the field, its value and what is wrong.
 */
ProtobufCMessage *json_read(const ProtobufCMessageDescriptor *type, const json_t *object,
			    char reason[static REASON_MAX]);

#endif
