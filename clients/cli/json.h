/* SPDX-License-Identifier: Apache-2.0 */
/* protobuf-c messages as JSON, by the proto3 JSON mapping. */
#ifndef WAYMARK_CLI_JSON_H
#define WAYMARK_CLI_JSON_H

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>

/*
 * The object of any proto3 message: lowerCamelCase names, enums by name, 64-bit integers as
 * strings, bytes as base64, Timestamp and Duration as texts, fields with default values left
 * out unless they are members of a oneof. The other well-known types and maps have no form of
 * their own here. The caller owns the reference.
 */
json_t *json_message(const ProtobufCMessage *message);

#define JSON_NAME_MAX 128

/* "flow_label" becomes "flowLabel". */
void json_field_name(const char *name, char ret[static JSON_NAME_MAX]);

#endif
