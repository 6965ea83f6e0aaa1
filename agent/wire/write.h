/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes protobuf bytes field by field, as protobuf-c packs them. Each function writes at `to`,
 * where there must be room, and returns the end of what it has written.
 */
#ifndef WAYMARK_WIRE_WRITE_H
#define WAYMARK_WIRE_WRITE_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define WIRE_VARINT_MAX 10 /* octets */

static inline uint8_t *wire_put_varint(uint8_t *to, uint64_t value)
{
	while (value > 0x7F) {
		*to++ = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	*to++ = (uint8_t)value;
	return to;
}

static inline uint8_t *wire_put_tag(uint8_t *to, uint32_t field, ProtobufCWireType type)
{
	return wire_put_varint(to, (uint64_t)field << 3 | (uint64_t)type);
}

/* A member of a oneof, which is there even if it is 0. */
static inline uint8_t *wire_put_member(uint8_t *to, uint32_t field, uint64_t value)
{
	to = wire_put_tag(to, field, PROTOBUF_C_WIRE_TYPE_VARINT);
	return wire_put_varint(to, value);
}

/* 0 is left out. Negative numbers are sign-extended by the caller's conversion. */
static inline uint8_t *wire_put_number(uint8_t *to, uint32_t field, uint64_t value)
{
	return value ? wire_put_member(to, field, value) : to;
}

/* An empty text is left out. */
static inline uint8_t *wire_put_text(uint8_t *to, uint32_t field, const char *text)
{
	const size_t length = strlen(text);

	if (length == 0)
		return to;
	to = wire_put_tag(to, field, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED);
	to = wire_put_varint(to, length);
	memcpy(to, text, length);
	return to + length;
}

/* A message, or a text, in the message: written between the two calls. wire_end() gets what
 * wire_begin() has returned, and needs WIRE_VARINT_MAX octets of room. */
static inline uint8_t *wire_begin(uint8_t *to, uint32_t field)
{
	/* One octet for the length: that is all that most need. */
	return wire_put_tag(to, field, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED) + 1;
}

static inline uint8_t *wire_end(uint8_t *begin, uint8_t *to)
{
	const size_t length = (size_t)(to - begin);
	uint8_t octets[WIRE_VARINT_MAX];
	size_t more;

	if (length <= 0x7F) {
		begin[-1] = (uint8_t)length;
		return to;
	}
	more = (size_t)(wire_put_varint(octets, length) - octets) - 1;
	memmove(begin + more, begin, length);
	memcpy(begin - 1, octets, more + 1);
	return to + more;
}

#endif
