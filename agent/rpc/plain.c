/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/plain.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "rpc/limits.h"
#include "wire/read.h"

struct plain {
	struct arena *arena;
	/* Where the next text goes. There is as much room as the request has octets, of which a
	 * text without its NUL takes two more. */
	char *texts;
	unsigned int depth;
};

struct plain_field {
	const ProtobufCFieldDescriptor *type;
	unsigned int number; /* below 16 */
	bool is_number;
	uint64_t value; /* if it is one */
	struct wire bytes; /* else */
};

static bool read_message(struct plain *plain, const ProtobufCMessageDescriptor *type,
			 struct wire wire, char *message);

/* ---- values ---- */

static bool set_text(struct plain *plain, struct wire bytes, char **ret)
{
	const size_t length = wire_left(&bytes);
	char *text = plain->texts;
	uint8_t odd = 0;

	for (size_t i = 0; i < length; i++) {
		const uint8_t octet = bytes.at[i];

		text[i] = (char)octet;
		odd |= octet | (uint8_t)(octet - 1); /* the highest bit: no ASCII, or NUL */
	}
	text[length] = '\0';
	plain->texts += length + 1;
	*ret = text;
	return !(odd & 0x80);
}

static bool set_message(struct plain *plain, const ProtobufCMessageDescriptor *type,
			struct wire bytes, ProtobufCMessage **ret)
{
	ProtobufCMessage *message = arena_alloc(plain->arena, type->sizeof_message);
	bool is_plain;

	if (!message || ++plain->depth > RPC_NESTING_MAX)
		return false;
	type->message_init(message);
	is_plain = read_message(plain, type, bytes, (char *)message);
	plain->depth--;
	*ret = message;
	return is_plain;
}

static bool set_number(const ProtobufCFieldDescriptor *type, uint64_t value, void *member)
{
	switch (type->type) {
	case PROTOBUF_C_TYPE_BOOL:
		*(protobuf_c_boolean *)member = value != 0;
		return value <= 1;
	case PROTOBUF_C_TYPE_ENUM:
		*(uint32_t *)member = (uint32_t)value;
		return value <= INT32_MAX &&
		       protobuf_c_enum_descriptor_get_value(type->descriptor, (int)value);
	case PROTOBUF_C_TYPE_UINT32:
		*(uint32_t *)member = (uint32_t)value;
		return value <= UINT32_MAX;
	case PROTOBUF_C_TYPE_INT32:
		*(int32_t *)member = (int32_t)value;
		return (int64_t)value == (int32_t)value;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_INT64:
		*(uint64_t *)member = value;
		return true;
	default:
		return false;
	}
}

/* ---- fields ---- */

/* A last octet of zero says nothing: encoders do not write it, and protobuf-c does not take any
 * number of them. */
static inline bool read_number(struct wire *wire, uint64_t *ret)
{
	const uint8_t *begin = wire->at;

	return wire_varint(wire, ret) == 0 && (wire->at[-1] || wire->at == begin + 1);
}

static inline bool read_field(struct wire *wire, struct plain_field *ret)
{
	const uint8_t tag = *wire->at++;

	ret->number = tag >> 3;
	ret->is_number = (tag & 7) == PROTOBUF_C_WIRE_TYPE_VARINT;
	if (tag & 0x80 || !read_number(wire, &ret->value))
		return false;
	if (ret->is_number)
		return true;
	if ((tag & 7) != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED || ret->value > wire_left(wire))
		return false;
	ret->bytes = wire_of(wire->at, (size_t)ret->value);
	wire->at += ret->value;
	return true;
}

/* Numbers of fields are in order, and mostly without gaps. */
static const ProtobufCFieldDescriptor *find_type(const ProtobufCMessageDescriptor *type,
						 unsigned int number)
{
	if (number && number <= type->n_fields && type->fields[number - 1].id == number)
		return &type->fields[number - 1];
	return protobuf_c_message_descriptor_get_field(type, number);
}

/* How often the field comes in what is left, as far as that is plain. */
static size_t count_field(struct wire wire, unsigned int number)
{
	struct plain_field field;
	size_t count = 0;

	while (wire_left(&wire) && read_field(&wire, &field))
		count += field.number == number;
	return count;
}

/* One element of a list, which gets its room with the first one. */
static bool add_message(struct plain *plain, const struct plain_field *field, struct wire rest,
			char *message)
{
	ProtobufCMessage ***list = (void *)(message + field->type->offset);
	size_t *n = (void *)(message + field->type->quantifier_offset);

	if (*n == 0)
		*list = arena_alloc(plain->arena,
				    (1 + count_field(rest, field->number)) * sizeof(**list));
	return *list &&
	       set_message(plain, field->type->descriptor, field->bytes, &(*list)[(*n)++]);
}

static bool set_field(struct plain *plain, const struct plain_field *field, char *message)
{
	const ProtobufCFieldDescriptor *type = field->type;
	uint32_t *member_set = (void *)(message + type->quantifier_offset);
	void *member = message + type->offset;

	if (type->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
		if (*member_set)
			return false;
		*member_set = type->id;
	}
	if (type->type == PROTOBUF_C_TYPE_MESSAGE)
		return !field->is_number &&
		       set_message(plain, type->descriptor, field->bytes, member);
	if (type->label != PROTOBUF_C_LABEL_NONE)
		return false;
	if (type->type == PROTOBUF_C_TYPE_STRING)
		return !field->is_number && set_text(plain, field->bytes, member);
	return field->is_number && set_number(type, field->value, member);
}

static bool read_message(struct plain *plain, const ProtobufCMessageDescriptor *type,
			 struct wire wire, char *message)
{
	struct plain_field field;
	unsigned int seen = 0;

	while (wire_left(&wire)) {
		if (!read_field(&wire, &field))
			return false;
		field.type = find_type(type, field.number);
		if (!field.type)
			return false;
		if (field.type->label == PROTOBUF_C_LABEL_REPEATED) {
			if (field.type->type != PROTOBUF_C_TYPE_MESSAGE || field.is_number ||
			    !add_message(plain, &field, wire, message))
				return false;
			continue;
		}
		if (seen >> field.number & 1 || !set_field(plain, &field, message))
			return false;
		seen |= 1U << field.number;
	}
	return true;
}

const ProtobufCMessage *plain_unpack(const ProtobufCMessageDescriptor *type,
				     struct arena *arena, const void *data, size_t size)
{
	struct plain plain = {.arena = arena, .texts = arena_alloc(arena, size)};
	ProtobufCMessage *message;

	if (!plain.texts || !set_message(&plain, type, wire_of(data, size), &message))
		return NULL;
	return message;
}
