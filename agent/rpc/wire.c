/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/wire.h"

#include <errno.h>

#define FIELD_NUMBER_MAX ((1U << 29) - 1)

int wire_varint(struct wire *wire, uint64_t *ret)
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

static int wire_fixed(struct wire *wire, size_t size, uint64_t *ret)
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

static int wire_bytes(struct wire *wire, struct wire *ret)
{
	uint64_t length;

	if (wire_varint(wire, &length) || length > wire_left(wire))
		return -EBADMSG;
	*ret = wire_of(wire->at, (size_t)length);
	wire->at += length;
	return 0;
}

int wire_next(struct wire *wire, struct wire_field *ret)
{
	struct wire_field field = {.number = 0};
	uint64_t tag;
	int err;

	if (wire_varint(wire, &tag) || !(tag >> 3) || tag >> 3 > FIELD_NUMBER_MAX)
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
