/* SPDX-License-Identifier: Apache-2.0 */
#include "call.h"
#include "client.h"
#include "clock.h"
#include "error.h"
#include "message.h"
#include "retry.h"

static int exchange(const struct waymark_client *client, const char *path,
		    const ProtobufCMessage *request, grpc_byte_buffer **ret,
		    struct waymark_error *error)
{
	const struct call_terms terms = {
		.channel = client->channel,
		.path = path,
		.deadline = clock_after(client->call_timeout_ms),
		.wait_for_ready = client->wait_for_ready,
	};
	cleanup(destroy_byte_buffer) grpc_byte_buffer *question = message_pack(request);
	struct retry retry = {.max_attempts = client->max_attempts};
	struct waymark_error failure;
	int code;

	do
		code = call_exchange(&terms, question, ret, &failure);
	while (code && retry_wait(&retry, &failure, terms.deadline));
	if (code && error)
		*error = failure;
	return code;
}

int waymark_call(struct waymark_client *client, const char *path,
		 const ProtobufCMessage *request, const ProtobufCMessageDescriptor *response,
		 ProtobufCMessage **ret, struct waymark_error *error)
{
	cleanup(destroy_byte_buffer) grpc_byte_buffer *answer = NULL;
	ProtobufCMessage *message;
	int code = exchange(client, path, request, &answer, error);

	if (code)
		return code;
	message = message_unpack(response, answer);
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
