/* SPDX-License-Identifier: Apache-2.0 */
#include <grpc/byte_buffer.h>
#include <grpc/slice.h>
#include <inttypes.h>
#include <stdio.h>

#include "rpc/internal.h"
#include "rpc/text.h"

static void final_add_trailer(struct rpc_final *final, const char *key, grpc_slice value)
{
	final->trailers[final->n_trailers++] = (grpc_metadata){
		.key = grpc_slice_from_static_string(key),
		.value = value,
	};
}

static void final_add_error(struct rpc_final *final, const struct rpc_status *status,
			    const char *domain)
{
	uint8_t details[RPC_STATUS_DETAILS_MAX];
	char message[sizeof(status->message)];
	size_t size = rpc_status_pack(status, domain, details);

	text_clean(message, sizeof(message), status->message, sizeof(status->message));
	final->message = grpc_slice_from_copied_string(message);
	final_add_trailer(final, "grpc-status-details-bin",
			  grpc_slice_from_copied_buffer((const char *)details, size));
	if (status->retry_after_ms > 0) {
		char text[24];

		snprintf(text, sizeof(text), "%" PRId64, status->retry_after_ms);
		final_add_trailer(final, "grpc-retry-pushback-ms",
				  grpc_slice_from_copied_string(text));
	}
}

void final_init(struct rpc_final *final, const struct rpc_status *status, const char *domain,
		grpc_byte_buffer *response)
{
	*final = (struct rpc_final){.message = grpc_empty_slice()};
	final->response = response;
	if (status && status->code != GRPC_STATUS_OK) {
		final->code = (grpc_status_code)status->code;
		final_add_error(final, status, domain);
	}
}

size_t final_operations(struct rpc_final *final, bool initial_metadata, grpc_op *ops)
{
	size_t count = 0;

	if (initial_metadata)
		ops[count++] = (grpc_op){.op = GRPC_OP_SEND_INITIAL_METADATA};
	if (final->response) {
		ops[count] = (grpc_op){.op = GRPC_OP_SEND_MESSAGE};
		ops[count++].data.send_message.send_message = final->response;
	}
	ops[count] = (grpc_op){.op = GRPC_OP_SEND_STATUS_FROM_SERVER};
	ops[count].data.send_status_from_server.status = final->code;
	ops[count].data.send_status_from_server.status_details = &final->message;
	ops[count].data.send_status_from_server.trailing_metadata = final->trailers;
	ops[count++].data.send_status_from_server.trailing_metadata_count = final->n_trailers;
	return count;
}

void final_done(struct rpc_final *final)
{
	for (size_t i = 0; i < final->n_trailers; i++)
		grpc_slice_unref(final->trailers[i].value);
	grpc_slice_unref(final->message);
	if (final->response)
		grpc_byte_buffer_destroy(final->response);
	*final = (struct rpc_final){.message = grpc_empty_slice()};
}
