/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads protobuf messages without a malloc per field. Pure functions, any thread.
 */
#ifndef WAYMARK_STORE_MESSAGE_H
#define WAYMARK_STORE_MESSAGE_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Holds any message that this version writes; more, from a newer one, comes from malloc. */
#define MESSAGE_MEMORY 2048

/* What a message is unpacked into: on the stack, and it must not move. */
struct message {
	ProtobufCMessage *base; /* NULL: nothing was read */
	ProtobufCAllocator allocator;
	size_t used;
	bool spilled;
	_Alignas(max_align_t) uint8_t memory[MESSAGE_MEMORY];
};

/* message->base is the message then. 0; -EBADMSG: not one of this kind. Undo with
 * message_done() in any case. */
int message_read(struct message *message, const ProtobufCMessageDescriptor *descriptor,
		 const void *bytes, size_t size);
void message_done(struct message *message);

/* Copies a text of a message into an array of `size` octets. 0 or -EBADMSG: too long. */
int message_copy_text(char *ret, size_t size, const char *text);

#endif
