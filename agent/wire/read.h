/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads protobuf bytes field by field, without a message type and without memory.
 */
#ifndef WAYMARK_WIRE_READ_H
#define WAYMARK_WIRE_READ_H

#include <errno.h>
#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_FIELD_MAX ((1U << 29) - 1)

struct wire {
	const uint8_t *at, *end;
};

struct wire_field {
	uint32_t number;
	ProtobufCWireType type;
	uint64_t value; /* VARINT, 64BIT, 32BIT */
	struct wire bytes; /* LENGTH_PREFIXED: what is inside */
};

static inline struct wire wire_of(const void *data, size_t size)
{
	const uint8_t *bytes = data;

	/* No bytes may have no address, and NULL + 0 is not arithmetic. */
	return (struct wire){bytes, size ? bytes + size : bytes};
}

static inline size_t wire_left(const struct wire *wire)
{
	return (size_t)(wire->end - wire->at);
}

/* These return 0, or -EBADMSG for bytes that no protobuf encoder makes: truncated or too long
 * varints, lengths beyond the end, field numbers out of range, groups. */

static inline int wire_varint(struct wire *wire, uint64_t *ret)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; shift < 64; shift += 7) {
		uint8_t byte;

		if (wire->at == wire->end)
			return -EBADMSG;
		byte = *wire->at++;
		if (shift == 63 && byte > 1)
			return -EBADMSG;
		value |= (uint64_t)(byte & 0x7F) << shift;
		if (!(byte & 0x80)) {
			*ret = value;
			return 0;
		}
	}
	return -EBADMSG;
}

static inline int wire_fixed(struct wire *wire, size_t size, uint64_t *ret)
{
	uint64_t value = 0;

	if (wire_left(wire) < size)
		return -EBADMSG;
	for (size_t i = 0; i < size; i++)
		value |= (uint64_t)wire->at[i] << (8 * i);
	wire->at += size;
	*ret = value;
	return 0;
}

static inline int wire_bytes(struct wire *wire, struct wire *ret)
{
	uint64_t length;

	if (wire_varint(wire, &length) || length > wire_left(wire))
		return -EBADMSG;
	*ret = wire_of(wire->at, (size_t)length);
	wire->at += length;
	return 0;
}

static inline int wire_next(struct wire *wire, struct wire_field *ret)
{
	struct wire_field field = {.number = 0};
	uint64_t tag;
	int err;

	if (wire_varint(wire, &tag) || !(tag >> 3) || tag >> 3 > WIRE_FIELD_MAX)
		return -EBADMSG;
	field.number = (uint32_t)(tag >> 3);
	field.type = (ProtobufCWireType)(tag & 7);
	switch (field.type) {
	case PROTOBUF_C_WIRE_TYPE_VARINT:
		err = wire_varint(wire, &field.value);
		break;
	case PROTOBUF_C_WIRE_TYPE_64BIT:
		err = wire_fixed(wire, 8, &field.value);
		break;
	case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
		err = wire_bytes(wire, &field.bytes);
		break;
	case PROTOBUF_C_WIRE_TYPE_32BIT:
		err = wire_fixed(wire, 4, &field.value);
		break;
	default:
		err = -EBADMSG;
	}
	if (!err)
		*ret = field;
	return err;
}

#endif
