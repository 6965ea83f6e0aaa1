/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/reflection.h"

#include <errno.h>
#include <grpc/status.h>
#include <stdlib.h>

#include "cleanup.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "grpc/reflection/v1alpha/reflection.pb-c.h"
#include "rpc/file_set.h"
#include "rpc/internal.h"

/* Both versions have the same messages under another name; the code below knows v1 only. */
typedef Grpc__Reflection__V1__ServerReflectionRequest Request;
typedef Grpc__Reflection__V1__ServerReflectionResponse Response;
_Static_assert(sizeof(Request) == sizeof(Grpc__Reflection__V1alpha__ServerReflectionRequest),
	       "v1alpha requests can be read as v1");
#define ASKS(what) GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##what
#define ANSWERS(what) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##what

struct reflection {
	const struct rpc_server *server;
	struct file_set files;
	struct rpc_service services[REFLECTION_SERVICES];
};

static Response reflection_answer(Request *request, int answers)
{
	Response response = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;

	response.valid_host = request->host;
	response.original_request = request;
	response.message_response_case = answers;
	return response;
}

static void reflection_send(struct rpc_call *call, const Response *response)
{
	struct rpc_status status = {.code = 0};
	int err = rpc_call_send(call, &response->base);

	if (!err || err == -EPIPE)
		return;
	rpc_status_set(&status, GRPC_STATUS_INTERNAL, "INTERNAL", "cannot answer: errno %d",
		       -err);
	rpc_call_finish(call, &status, NULL);
}

static void reflection_fail(struct rpc_call *call, Request *request, int code,
			    const char *message)
{
	Response response = reflection_answer(request, ANSWERS(ERROR_RESPONSE));
	Grpc__Reflection__V1__ErrorResponse error = GRPC__REFLECTION__V1__ERROR_RESPONSE__INIT;

	error.error_code = code;
	error.error_message = (char *)message;
	response.error_response = &error;
	reflection_send(call, &response);
}

static void reflection_send_files(struct rpc_call *call, Request *request, const bool *wanted,
				  ProtobufCBinaryData *files)
{
	const struct reflection *reflection = rpc_call_service(call);
	Response response = reflection_answer(request, ANSWERS(FILE_DESCRIPTOR_RESPONSE));
	Grpc__Reflection__V1__FileDescriptorResponse answer =
		GRPC__REFLECTION__V1__FILE_DESCRIPTOR_RESPONSE__INIT;

	answer.file_descriptor_proto = files;
	for (size_t i = 0; i < reflection->files.count; i++) {
		const struct wire *file = &reflection->files.files[i];

		if (wanted[i])
			files[answer.n_file_descriptor_proto++] = (ProtobufCBinaryData){
				.len = wire_left(file), .data = (uint8_t *)file->at};
	}
	response.file_descriptor_response = &answer;
	reflection_send(call, &response);
}

/* With all imports, for the asking tool could not use the file without them. */
static void reflection_file(struct rpc_call *call, Request *request, int file)
{
	const struct reflection *reflection = rpc_call_service(call);
	size_t count = reflection->files.count;
	cleanup(free_bytes) ProtobufCBinaryData *files = calloc(count, sizeof(*files));
	cleanup(free_bytes) bool *wanted = calloc(count, sizeof(*wanted));

	if (file < 0) {
		reflection_fail(call, request, GRPC_STATUS_NOT_FOUND, "not found");
	} else if (!wanted || !files) {
		reflection_fail(call, request, GRPC_STATUS_RESOURCE_EXHAUSTED, "no memory");
	} else {
		file_set_closure(&reflection->files, file, wanted);
		reflection_send_files(call, request, wanted, files);
	}
}

static void reflection_list(struct rpc_call *call, Request *request)
{
	const struct reflection *reflection = rpc_call_service(call);
	const struct rpc_server *server = reflection->server;
	Response response = reflection_answer(request, ANSWERS(LIST_SERVICES_RESPONSE));
	Grpc__Reflection__V1__ListServiceResponse answer =
		GRPC__REFLECTION__V1__LIST_SERVICE_RESPONSE__INIT;
	cleanup(free_bytes) Grpc__Reflection__V1__ServiceResponse *items =
		calloc(server->n_services, sizeof(*items));
	cleanup(free_bytes) Grpc__Reflection__V1__ServiceResponse **list =
		calloc(server->n_services, sizeof(Grpc__Reflection__V1__ServiceResponse *));

	if (!items || !list) {
		reflection_fail(call, request, GRPC_STATUS_RESOURCE_EXHAUSTED, "no memory");
		return;
	}
	for (size_t i = 0; i < server->n_services; i++) {
		grpc__reflection__v1__service_response__init(&items[i]);
		items[i].name = (char *)server->services[i]->name;
		list[answer.n_service++] = &items[i];
	}
	answer.service = list;
	response.list_services_response = &answer;
	reflection_send(call, &response);
}

static void reflection_message(struct rpc_call *call, const ProtobufCMessage *message)
{
	const struct reflection *reflection = rpc_call_service(call);
	const struct file_set *files = &reflection->files;
	Request *request = (Request *)message;

	switch (request->message_request_case) {
	case ASKS(LIST_SERVICES):
		reflection_list(call, request);
		break;
	case ASKS(FILE_BY_FILENAME):
		reflection_file(call, request,
				file_set_find_name(files, request->file_by_filename));
		break;
	case ASKS(FILE_CONTAINING_SYMBOL):
		reflection_file(call, request,
				file_set_find_symbol(files, request->file_containing_symbol));
		break;
	case ASKS(FILE_CONTAINING_EXTENSION):
	case ASKS(ALL_EXTENSION_NUMBERS_OF_TYPE):
		reflection_fail(call, request, GRPC_STATUS_NOT_FOUND,
				"there are no extensions");
		break;
	default:
		reflection_fail(call, request, GRPC_STATUS_INVALID_ARGUMENT,
				"the request asks for nothing");
		break;
	}
}

static void reflection_half_closed(struct rpc_call *call)
{
	rpc_call_finish(call, NULL, NULL);
}

static const struct rpc_method reflection_methods[REFLECTION_SERVICES] = {
	{
		.path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
		.kind = RPC_BIDI_STREAM,
		.public_access = true,
		.request = &grpc__reflection__v1__server_reflection_request__descriptor,
		.response = &grpc__reflection__v1__server_reflection_response__descriptor,
		.message = reflection_message,
		.half_closed = reflection_half_closed,
	},
	{
		.path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
		.kind = RPC_BIDI_STREAM,
		.public_access = true,
		.request = &grpc__reflection__v1alpha__server_reflection_request__descriptor,
		.response = &grpc__reflection__v1alpha__server_reflection_response__descriptor,
		.message = reflection_message,
		.half_closed = reflection_half_closed,
	},
};

static const char *const reflection_names[REFLECTION_SERVICES] = {
	"grpc.reflection.v1.ServerReflection",
	"grpc.reflection.v1alpha.ServerReflection",
};

int reflection_new(const struct rpc_server *server, const uint8_t *descriptor_set, size_t size,
		   struct reflection **ret)
{
	struct reflection *reflection = calloc(1, sizeof(*reflection));
	int err;

	if (!reflection)
		return -ENOMEM;
	err = file_set_init(&reflection->files, descriptor_set, size);
	if (err) {
		free(reflection);
		return err;
	}
	reflection->server = server;
	for (size_t i = 0; i < REFLECTION_SERVICES; i++)
		reflection->services[i] = (struct rpc_service){
			.name = reflection_names[i],
			.methods = &reflection_methods[i],
			.n_methods = 1,
			.user = reflection,
		};
	*ret = reflection;
	return 0;
}

void reflection_free(struct reflection *reflection)
{
	if (!reflection)
		return;
	file_set_done(&reflection->files);
	free(reflection);
}

const struct rpc_service *reflection_service(const struct reflection *reflection, size_t index)
{
	return &reflection->services[index];
}
