/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "clients/cleanup.h"
#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"

#define COPY(target, text) ((void)snprintf(target, sizeof(target), "%s", text))

int error_set(struct waymark_error *error, int code, const char *field, const char *format, ...)
{
	struct waymark_error result = {.code = code};
	va_list arguments;

	COPY(result.field, field);
	va_start(arguments, format);
	(void)vsnprintf(result.message, sizeof(result.message), format, arguments);
	va_end(arguments);
	if (error)
		*error = result;
	return code;
}

static void add_error_info(struct waymark_error *error, const ProtobufCMessage *message)
{
	const Google__Rpc__ErrorInfo *info = (const Google__Rpc__ErrorInfo *)message;

	COPY(error->reason, info->reason);
	for (size_t i = 0; i < info->n_metadata && i < WAYMARK_ERROR_METADATA; i++) {
		COPY(error->metadata[i].key, info->metadata[i]->key);
		COPY(error->metadata[i].value, info->metadata[i]->value);
		error->metadata_count = i + 1;
	}
}

static void add_bad_request(struct waymark_error *error, const ProtobufCMessage *message)
{
	const Google__Rpc__BadRequest *request = (const Google__Rpc__BadRequest *)message;

	if (request->n_field_violations)
		COPY(error->field, request->field_violations[0]->field);
}

static void add_retry_info(struct waymark_error *error, const ProtobufCMessage *message)
{
	const Google__Rpc__RetryInfo *info = (const Google__Rpc__RetryInfo *)message;
	const Google__Protobuf__Duration *delay = info->retry_delay;
	/* Durations of protobuf end at 10,000 years; anything else is not one. */
	const int64_t seconds_max = 315576000000;

	if (delay && delay->seconds >= 0 && delay->seconds <= seconds_max && delay->nanos >= 0)
		error->retry_after_ms = delay->seconds * 1000 + delay->nanos / 1000000;
}

static const struct {
	const ProtobufCMessageDescriptor *type;
	void (*add)(struct waymark_error *error, const ProtobufCMessage *message);
} details[] = {
	{&google__rpc__error_info__descriptor, add_error_info},
	{&google__rpc__bad_request__descriptor, add_bad_request},
	{&google__rpc__retry_info__descriptor, add_retry_info},
};

static void add_detail(struct waymark_error *error, const Google__Protobuf__Any *any)
{
	const char *slash = strrchr(any->type_url, '/');

	for (size_t i = 0; slash && i < sizeof(details) / sizeof(details[0]); i++) {
		cleanup(free_message) ProtobufCMessage *message = NULL;

		if (strcmp(slash + 1, details[i].type->name) != 0)
			continue;
		message = protobuf_c_message_unpack(details[i].type, NULL, any->value.len,
						    any->value.data);
		if (message)
			details[i].add(error, message);
	}
}

void error_add_details(struct waymark_error *error, const uint8_t *data, size_t length)
{
	cleanup(free_message) Google__Rpc__Status *status =
		google__rpc__status__unpack(NULL, length, data);

	for (size_t i = 0; status && i < status->n_details; i++)
		add_detail(error, status->details[i]);
}

void error_add_pushback(struct waymark_error *error, const char *text, size_t length)
{
	int64_t value = 0;

	for (size_t i = 0; i < length && value >= 0; i++)
		value = text[i] >= '0' && text[i] <= '9' && value <= INT32_MAX
				? value * 10 + (text[i] - '0')
				: -1;
	error->retry_after_ms = length ? value : -1;
}

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
