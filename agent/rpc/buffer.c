/* SPDX-License-Identifier: Apache-2.0 */
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/slice.h>
#include <stdlib.h>

#include "rpc/internal.h"

struct rpc_packed {
	grpc_slice bytes;
};

struct rpc_packed *rpc_packed_new(void *bytes, size_t size)
{
	struct rpc_packed *packed = malloc(sizeof(*packed));

	if (packed)
		packed->bytes = grpc_slice_new(bytes, size, free);
	else
		free(bytes);
	return packed;
}

void rpc_packed_free(struct rpc_packed *packed)
{
	if (packed)
		grpc_slice_unref(packed->bytes);
	free(packed);
}

static grpc_byte_buffer *pack(const ProtobufCMessage *message)
{
	grpc_slice slice = grpc_slice_malloc(protobuf_c_message_get_packed_size(message));
	grpc_byte_buffer *buffer;

	protobuf_c_message_pack(message, GRPC_SLICE_START_PTR(slice));
	buffer = grpc_raw_byte_buffer_create(&slice, 1);
	grpc_slice_unref(slice);
	return buffer;
}

/* A new one each time, of the same bytes: the C core empties what it sends. */
static grpc_byte_buffer *share(const struct rpc_packed *packed)
{
	grpc_slice slice = packed->bytes;

	return grpc_raw_byte_buffer_create(&slice, 1);
}

grpc_byte_buffer *buffer_make(const ProtobufCMessage *message, const struct rpc_packed *packed)
{
	if (packed)
		return share(packed);
	return message ? pack(message) : NULL;
}

grpc_slice buffer_slice(grpc_byte_buffer *buffer)
{
	const grpc_slice_buffer *slices = &buffer->data.raw.slice_buffer;
	grpc_byte_buffer_reader reader;
	grpc_slice all;

	/* What was read in one go needs no copy. */
	if (slices->count == 1)
		return grpc_slice_ref(slices->slices[0]);
	if (!grpc_byte_buffer_reader_init(&reader, buffer))
		return grpc_empty_slice();
	all = grpc_byte_buffer_reader_readall(&reader);
	grpc_byte_buffer_reader_destroy(&reader);
	return all;
}
