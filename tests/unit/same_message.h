/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares messages, also those that protobuf-c has not unpacked itself.
 */
#ifndef WAYMARK_TESTS_SAME_MESSAGE_H
#define WAYMARK_TESTS_SAME_MESSAGE_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Do both say the same? Members of a oneof, and messages, that are there but empty count. */
static inline bool same_message(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
	const size_t size = protobuf_c_message_get_packed_size(a);
	uint8_t *packed;
	bool same;

	if (a->descriptor != b->descriptor || protobuf_c_message_get_packed_size(b) != size)
		return false;
	packed = malloc(2 * size + 1);
	if (!packed)
		abort();
	protobuf_c_message_pack(a, packed);
	protobuf_c_message_pack(b, packed + size);
	same = memcmp(packed, packed + size, size) == 0;
	free(packed);
	return same;
}

#endif
