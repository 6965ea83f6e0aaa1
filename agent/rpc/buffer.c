/* SPDX-License-Identifier: Apache-2.0 */
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/slice.h>

#include "rpc/internal.h"

grpc_byte_buffer *buffer_pack(const ProtobufCMessage *message)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	grpc_slice slice = grpc_slice_malloc(size);
	grpc_byte_buffer *buffer;

	protobuf_c_message_pack(message, GRPC_SLICE_START_PTR(slice));
	buffer = grpc_raw_byte_buffer_create(&slice, 1);
	grpc_slice_unref(slice);
	return buffer;
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
