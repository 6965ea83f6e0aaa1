/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads protobuf bytes field by field, without a message type and without memory.
 */
#ifndef WAYMARK_RPC_WIRE_H
#define WAYMARK_RPC_WIRE_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

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
int wire_varint(struct wire *wire, uint64_t *ret);
int wire_next(struct wire *wire, struct wire_field *ret);

#endif
