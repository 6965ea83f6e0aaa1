/* SPDX-License-Identifier: Apache-2.0 */
#include "store/message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void *take_memory(void *user, size_t size)
{
	struct message *message = user;
	size_t rounded = (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
	void *memory;

	if (rounded < size || rounded > sizeof(message->memory) - message->used) {
		message->spilled = true;
		return malloc(size);
	}
	memory = message->memory + message->used;
	message->used += rounded;
	return memory;
}

static void give_memory(void *user, void *pointer)
{
	const struct message *message = user;
	uintptr_t begin = (uintptr_t)message->memory;

	if ((uintptr_t)pointer - begin >= sizeof(message->memory))
		free(pointer);
}

int message_read(struct message *message, const ProtobufCMessageDescriptor *descriptor,
		 const void *bytes, size_t size)
{
	message->allocator = (ProtobufCAllocator){take_memory, give_memory, message};
	message->used = 0;
	message->spilled = false;
	message->base = protobuf_c_message_unpack(descriptor, &message->allocator, size, bytes);
	return message->base ? 0 : -EBADMSG;
}

void message_done(struct message *message)
{
	if (message->base && message->spilled)
		protobuf_c_message_free_unpacked(message->base, &message->allocator);
	message->base = NULL;
}

int message_copy_text(char *ret, size_t size, const char *text)
{
	size_t length = strlen(text);

	if (length >= size)
		return -EBADMSG;
	memcpy(ret, text, length + 1);
	return 0;
}
