/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/check.h"

#include <errno.h>
#include <grpc/status.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "rpc/limits.h"
#include "rpc/text.h"
#include "wire/read.h"

/* One message on the way down. Frames live on the stack and point upwards. */
struct frame {
	const struct frame *parent;
	const ProtobufCMessageDescriptor *type;
	struct wire all; /* the whole message */
	const uint8_t *at; /* where the current field begins */
	const ProtobufCFieldDescriptor *field; /* the current one; NULL: unknown */
	uint32_t number; /* of the current field */
	size_t packed_index; /* of the current element of a packed field */
	unsigned int depth;
};

struct check {
	bool lenient;
	struct rpc_status *status;
};

static int check_fields(const struct check *check, const struct frame *parent,
			const ProtobufCMessageDescriptor *type, struct wire wire);

static bool field_is_packable(const ProtobufCFieldDescriptor *field)
{
	return field->label == PROTOBUF_C_LABEL_REPEATED &&
	       field->type != PROTOBUF_C_TYPE_STRING && field->type != PROTOBUF_C_TYPE_BYTES &&
	       field->type != PROTOBUF_C_TYPE_MESSAGE;
}

static ProtobufCWireType field_wire_type(const ProtobufCFieldDescriptor *field)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
		return PROTOBUF_C_WIRE_TYPE_32BIT;
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return PROTOBUF_C_WIRE_TYPE_64BIT;
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_BYTES:
	case PROTOBUF_C_TYPE_MESSAGE:
		return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
	default:
		return PROTOBUF_C_WIRE_TYPE_VARINT;
	}
}

/* Elements that one occurrence of a field holds. */
static size_t field_elements(const ProtobufCFieldDescriptor *field,
			     const struct wire_field *value)
{
	struct wire bytes = value->bytes;
	uint64_t ignored;
	size_t count = 0;

	if (!field_is_packable(field) || value->type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
		return 1;
	switch (field_wire_type(field)) {
	case PROTOBUF_C_WIRE_TYPE_32BIT:
		return wire_left(&bytes) / 4;
	case PROTOBUF_C_WIRE_TYPE_64BIT:
		return wire_left(&bytes) / 8;
	default:
		while (wire_left(&bytes) && !wire_varint(&bytes, &ignored))
			count++;
		return count;
	}
}

/* Index of the current element, by counting again: only needed for the one that is refused. */
static size_t frame_index(const struct frame *frame)
{
	struct wire wire = frame->all;
	struct wire_field value;
	size_t index = frame->packed_index;

	while (wire.at < frame->at && !wire_next(&wire, &value))
		if (value.number == frame->number)
			index += field_elements(frame->field, &value);
	return index;
}

/* Appends to path, which has `size` octets; what does not fit is cut. */
static void frame_path(const struct frame *frame, char *path, size_t size)
{
	size_t length;

	if (frame->parent)
		frame_path(frame->parent, path, size);
	length = strlen(path);
	path += length;
	size -= length;
	if (!frame->field)
		snprintf(path, size, "%s%u", length ? "." : "", frame->number);
	else if (frame->field->label == PROTOBUF_C_LABEL_REPEATED)
		snprintf(path, size, "%s%s[%zu]", length ? "." : "", frame->field->name,
			 frame_index(frame));
	else
		snprintf(path, size, "%s%s", length ? "." : "", frame->field->name);
}

/* Completes a status whose code, reason and message are set. */
static int check_blame(const struct check *check, const struct frame *frame)
{
	check->status->field[0] = '\0';
	if (frame)
		frame_path(frame, check->status->field, sizeof(check->status->field));
	return -EBADMSG;
}

#define check_refuse(check, frame, reason, ...)                                                \
	(rpc_status_set((check)->status, GRPC_STATUS_INVALID_ARGUMENT, (reason), __VA_ARGS__), \
	 check_blame((check), (frame)))

static int check_enum(const struct check *check, const struct frame *frame, uint64_t value)
{
	const ProtobufCEnumDescriptor *type = frame->field->descriptor;
	/* Negative values come sign-extended. */
	int64_t number = (int64_t)value;

	if (check->lenient)
		return 0;
	if (number == (int32_t)number &&
	    protobuf_c_enum_descriptor_get_value(type, (int)number))
		return 0;
	return check_refuse(check, frame, "UNKNOWN_FIELD", "%lld is not a value of %s",
			    (long long)number, type->name);
}

/* Numbers of 32 bits travel in varints of 64: protobuf-c would drop the upper half. */
static int check_varint(const struct check *check, const struct frame *frame, uint64_t value)
{
	int64_t number = (int64_t)value;

	switch (frame->field->type) {
	case PROTOBUF_C_TYPE_ENUM:
		return check_enum(check, frame, value);
	case PROTOBUF_C_TYPE_INT32:
		if (number == (int32_t)number)
			return 0;
		break;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_SINT32:
		if (value <= UINT32_MAX)
			return 0;
		break;
	default:
		return 0;
	}
	return check_refuse(check, frame, "MALFORMED", "%s does not fit into 32 bits",
			    frame->field->name);
}

static int check_packed(const struct check *check, struct frame *frame, struct wire bytes)
{
	size_t width = 0;

	if (field_wire_type(frame->field) == PROTOBUF_C_WIRE_TYPE_32BIT)
		width = 4;
	if (field_wire_type(frame->field) == PROTOBUF_C_WIRE_TYPE_64BIT)
		width = 8;
	if (width && wire_left(&bytes) % width)
		return check_refuse(check, frame, "MALFORMED", "%s ends inside a number",
				    frame->field->name);
	if (width)
		return 0;
	for (frame->packed_index = 0; wire_left(&bytes); frame->packed_index++) {
		uint64_t value;
		int err;

		if (wire_varint(&bytes, &value))
			return check_refuse(check, frame, "MALFORMED",
					    "%s ends inside a number", frame->field->name);
		err = check_varint(check, frame, value);
		if (err)
			return err;
	}
	return 0;
}

static int check_text(const struct check *check, const struct frame *frame, struct wire bytes)
{
	const char *text = (const char *)bytes.at;
	size_t size = wire_left(&bytes);

	if (size && memchr(text, '\0', size))
		return check_refuse(check, frame, "INVALID_TEXT", "%s contains a NUL octet",
				    frame->field->name);
	if (!text_valid(text, size))
		return check_refuse(check, frame, "INVALID_TEXT", "%s is not valid UTF-8",
				    frame->field->name);
	return 0;
}

static int check_value(const struct check *check, struct frame *frame,
		       const struct wire_field *value)
{
	const ProtobufCFieldDescriptor *field = frame->field;

	if (value->type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED && field_is_packable(field))
		return check_packed(check, frame, value->bytes);
	if (value->type != field_wire_type(field))
		return check_refuse(check, frame, "MALFORMED", "%s has wire type %d, not %d",
				    field->name, (int)value->type, (int)field_wire_type(field));
	if (field->type == PROTOBUF_C_TYPE_STRING)
		return check_text(check, frame, value->bytes);
	if (field->type == PROTOBUF_C_TYPE_MESSAGE)
		return check_fields(check, frame, field->descriptor, value->bytes);
	if (value->type == PROTOBUF_C_WIRE_TYPE_VARINT)
		return check_varint(check, frame, value->value);
	return 0;
}

static int check_fields(const struct check *check, const struct frame *parent,
			const ProtobufCMessageDescriptor *type, struct wire wire)
{
	struct frame frame = {.parent = parent, .type = type, .all = wire};

	frame.depth = parent ? parent->depth + 1 : 0;
	if (frame.depth > RPC_NESTING_MAX)
		return check_refuse(check, NULL, "MALFORMED",
				    "more than %d messages inside each other", RPC_NESTING_MAX);
	while (wire_left(&wire)) {
		struct wire_field value;
		int err = 0;

		frame.at = wire.at;
		frame.packed_index = 0;
		if (wire_next(&wire, &value))
			return check_refuse(check, parent, "MALFORMED",
					    "octet %zu of %s is not protobuf",
					    (size_t)(frame.at - frame.all.at), type->name);
		frame.number = value.number;
		frame.field = protobuf_c_message_descriptor_get_field(type, value.number);
		if (frame.field)
			err = check_value(check, &frame, &value);
		else if (!check->lenient)
			err = check_refuse(check, &frame, "UNKNOWN_FIELD", "%s has no field %u",
					   type->name, value.number);
		if (err)
			return err;
	}
	return 0;
}

int check_message(const ProtobufCMessageDescriptor *type, const void *data, size_t size,
		  bool lenient, struct rpc_status *status)
{
	const struct check check = {.lenient = lenient, .status = status};

	return check_fields(&check, NULL, type, wire_of(data, size));
}
