/* SPDX-License-Identifier: Apache-2.0 */
#include "waymark/client.h"

#include <stdlib.h>

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/slice.h>
#include <grpc/support/log.h>

#include "agent/cleanup.h"
#include "call.h"
#include "channel.h"
#include "error.h"

#define CONNECT_TIMEOUT_MS 5000
#define CALL_TIMEOUT_MS 10000
/* A day is beyond any use and keeps the C core's int milliseconds far from their end. */
#define TIMEOUT_MAX_MS INT64_C(86400000)

struct waymark_client {
	grpc_channel *channel;
	int64_t call_timeout_ms;
};

DEFINE_CLEANUP(destroy_byte_buffer, grpc_byte_buffer *, grpc_byte_buffer_destroy)

static int check_timeout(const char *field, int64_t value, struct waymark_error *error)
{
	if (value >= 0 && value <= TIMEOUT_MAX_MS)
		return 0;
	return error_set(error, WAYMARK_INVALID_ARGUMENT, field,
			 "%lld is not in 0..%lld milliseconds", (long long)value,
			 (long long)TIMEOUT_MAX_MS);
}

static int check_options(const struct waymark_options *options, struct waymark_error *error)
{
	int code;

	if (!options->target)
		return error_set(error, WAYMARK_INVALID_ARGUMENT, "target", "missing");
	code = check_timeout("connect_timeout_ms", options->connect_timeout_ms, error);
	if (!code)
		code = check_timeout("call_timeout_ms", options->call_timeout_ms, error);
	return code;
}

static int client_init(struct waymark_client *client, const struct waymark_options *options,
		       struct waymark_error *error)
{
	struct waymark_options complete = *options;
	int code;

	if (!complete.connect_timeout_ms)
		complete.connect_timeout_ms = CONNECT_TIMEOUT_MS;
	if (!complete.call_timeout_ms)
		complete.call_timeout_ms = CALL_TIMEOUT_MS;
	client->call_timeout_ms = complete.call_timeout_ms;
	grpc_init();
	code = channel_new(&complete, &client->channel, error);
	if (code)
		grpc_shutdown();
	return code;
}

int waymark_open(const struct waymark_options *options, struct waymark_client **ret,
		 struct waymark_error *error)
{
	struct waymark_client *client;
	int code = check_options(options, error);

	if (code)
		return code;
	client = calloc(1, sizeof(*client));
	if (!client)
		return error_set(error, WAYMARK_INTERNAL, "", "no memory");
	code = client_init(client, options, error);
	if (code)
		free(client);
	else
		*ret = client;
	return code;
}

void waymark_close(struct waymark_client *client)
{
	if (!client)
		return;
	grpc_channel_destroy(client->channel);
	free(client);
	grpc_shutdown();
}

static grpc_byte_buffer *message_pack(const ProtobufCMessage *message)
{
	grpc_slice slice = grpc_slice_malloc(protobuf_c_message_get_packed_size(message));
	grpc_byte_buffer *buffer;

	protobuf_c_message_pack(message, GRPC_SLICE_START_PTR(slice));
	buffer = grpc_raw_byte_buffer_create(&slice, 1);
	grpc_slice_unref(slice);
	return buffer;
}

/* NULL: the bytes are none of this type. */
static ProtobufCMessage *message_unpack(const ProtobufCMessageDescriptor *type,
					grpc_byte_buffer *buffer)
{
	grpc_byte_buffer_reader reader;
	ProtobufCMessage *message;
	grpc_slice slice;

	if (!grpc_byte_buffer_reader_init(&reader, buffer))
		return NULL;
	slice = grpc_byte_buffer_reader_readall(&reader);
	message = protobuf_c_message_unpack(type, NULL, GRPC_SLICE_LENGTH(slice),
					    GRPC_SLICE_START_PTR(slice));
	grpc_slice_unref(slice);
	grpc_byte_buffer_reader_destroy(&reader);
	return message;
}

int waymark_call(struct waymark_client *client, const char *path,
		 const ProtobufCMessage *request, const ProtobufCMessageDescriptor *response,
		 ProtobufCMessage **ret, struct waymark_error *error)
{
	cleanup(destroy_byte_buffer) grpc_byte_buffer *question = message_pack(request);
	cleanup(destroy_byte_buffer) grpc_byte_buffer *answer = NULL;
	ProtobufCMessage *message;
	int code = call_exchange(client->channel, path, question, client->call_timeout_ms,
				 &answer, error);

	if (code)
		return code;
	message = answer ? message_unpack(response, answer) : NULL;
	if (!message)
		return error_set(error, WAYMARK_INTERNAL, "", "%s: the answer is no %s", path,
				 response->name);
	*ret = message;
	return 0;
}

#define DEFINE_CALL(name, Name)                                                              \
	int waymark_##name(struct waymark_client *client,                                    \
			   const Waymark__V1__##Name##Request *request,                      \
			   Waymark__V1__##Name##Response **ret, struct waymark_error *error) \
	{                                                                                    \
		ProtobufCMessage *answer = NULL;                                             \
		int code = waymark_call(                                                     \
			client, "/waymark.v1.MarkerService/" #Name, &request->base,          \
			&waymark__v1__##name##_response__descriptor, &answer, error);        \
                                                                                             \
		if (!code)                                                                   \
			*ret = (Waymark__V1__##Name##Response *)answer;                      \
		return code;                                                                 \
	}

DEFINE_CALL(set_mark, SetMark)
DEFINE_CALL(clear_mark, ClearMark)
DEFINE_CALL(get_mark, GetMark)
DEFINE_CALL(list_marks, ListMarks)
DEFINE_CALL(stats, Stats)
DEFINE_CALL(apply_marks, ApplyMarks)
DEFINE_CALL(grant_lease, GrantLease)
DEFINE_CALL(renew_lease, RenewLease)
DEFINE_CALL(revoke_lease, RevokeLease)
DEFINE_CALL(list_leases, ListLeases)

const char *waymark_code_name(int code)
{
	static const char *const names[] = {
		[WAYMARK_OK] = "OK",
		[WAYMARK_CANCELLED] = "CANCELLED",
		[WAYMARK_UNKNOWN] = "UNKNOWN",
		[WAYMARK_INVALID_ARGUMENT] = "INVALID_ARGUMENT",
		[WAYMARK_DEADLINE_EXCEEDED] = "DEADLINE_EXCEEDED",
		[WAYMARK_NOT_FOUND] = "NOT_FOUND",
		[WAYMARK_ALREADY_EXISTS] = "ALREADY_EXISTS",
		[WAYMARK_PERMISSION_DENIED] = "PERMISSION_DENIED",
		[WAYMARK_RESOURCE_EXHAUSTED] = "RESOURCE_EXHAUSTED",
		[WAYMARK_FAILED_PRECONDITION] = "FAILED_PRECONDITION",
		[WAYMARK_ABORTED] = "ABORTED",
		[WAYMARK_OUT_OF_RANGE] = "OUT_OF_RANGE",
		[WAYMARK_UNIMPLEMENTED] = "UNIMPLEMENTED",
		[WAYMARK_INTERNAL] = "INTERNAL",
		[WAYMARK_UNAVAILABLE] = "UNAVAILABLE",
		[WAYMARK_DATA_LOSS] = "DATA_LOSS",
		[WAYMARK_UNAUTHENTICATED] = "UNAUTHENTICATED",
	};

	if (code < 0 || code >= (int)(sizeof(names) / sizeof(names[0])))
		return "UNKNOWN";
	return names[code];
}

const char *waymark_version(void)
{
	return WAYMARK_VERSION;
}

static void log_nothing(gpr_log_func_args *arguments)
{
	(void)arguments;
}

void waymark_quiet(void)
{
	if (!getenv("GRPC_VERBOSITY"))
		gpr_set_log_function(log_nothing);
}
