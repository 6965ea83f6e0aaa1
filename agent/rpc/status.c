/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "google/protobuf/any.pb-c.h"
#include "google/protobuf/duration.pb-c.h"
#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "rpc/text.h"

#define DETAILS 4 /* ErrorInfo, BadRequest, QuotaFailure, RetryInfo */
#define KEY_MAX 64
#define TYPE_PREFIX "type.googleapis.com/"

/* The details while they are collected; each is packed into `bytes` behind the last one. */
struct details {
	Google__Protobuf__Any any[DETAILS], *list[DETAILS];
	size_t count;
	uint8_t bytes[RPC_STATUS_DETAILS_MAX];
	size_t used;
};

void rpc_status_set(struct rpc_status *status, int code, const char *reason, const char *format,
		    ...)
{
	va_list arguments;

	status->code = code;
	snprintf(status->reason, sizeof(status->reason), "%s", reason);
	va_start(arguments, format);
	vsnprintf(status->message, sizeof(status->message), format, arguments);
	va_end(arguments);
}

void rpc_status_add(struct rpc_status *status, const char *key, const char *format, ...)
{
	va_list arguments;
	size_t i = 0;

	while (i < RPC_STATUS_METADATA && status->metadata[i].key)
		i++;
	if (i == RPC_STATUS_METADATA)
		return;
	status->metadata[i].key = key;
	va_start(arguments, format);
	vsnprintf(status->metadata[i].value, sizeof(status->metadata[i].value), format,
		  arguments);
	va_end(arguments);
}

/* The sizes in struct rpc_status make sure that everything fits; what would not is left out
 * rather than cut, for half a detail is garbage. */
static void details_add(struct details *details, const char *type_url,
			const ProtobufCMessage *message)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	uint8_t *place = details->bytes + details->used;
	Google__Protobuf__Any *any = &details->any[details->count];

	if (size > sizeof(details->bytes) - details->used)
		return;
	protobuf_c_message_pack(message, place);
	details->used += size;
	google__protobuf__any__init(any);
	any->type_url = (char *)type_url;
	any->value = (ProtobufCBinaryData){.len = size, .data = place};
	details->list[details->count++] = any;
}

static void details_add_info(struct details *details, const struct rpc_status *status,
			     const char *domain)
{
	Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;
	Google__Rpc__ErrorInfo__MetadataEntry entries[RPC_STATUS_METADATA];
	Google__Rpc__ErrorInfo__MetadataEntry *list[RPC_STATUS_METADATA];
	char keys[RPC_STATUS_METADATA][KEY_MAX];
	char values[RPC_STATUS_METADATA][sizeof(status->metadata[0].value)];
	char reason[sizeof(status->reason)], domain_text[KEY_MAX];

	text_clean(reason, sizeof(reason), status->reason, sizeof(status->reason));
	text_clean(domain_text, sizeof(domain_text), domain, SIZE_MAX);
	info.reason = reason;
	info.domain = domain_text;
	for (size_t i = 0; i < RPC_STATUS_METADATA && status->metadata[i].key; i++) {
		text_clean(keys[i], KEY_MAX, status->metadata[i].key, SIZE_MAX);
		text_clean(values[i], sizeof(values[i]), status->metadata[i].value,
			   sizeof(status->metadata[i].value));
		google__rpc__error_info__metadata_entry__init(&entries[i]);
		entries[i].key = keys[i];
		entries[i].value = values[i];
		list[i] = &entries[i];
		info.n_metadata = i + 1;
	}
	info.metadata = list;
	details_add(details, TYPE_PREFIX "google.rpc.ErrorInfo", &info.base);
}

static void details_add_field(struct details *details, const struct rpc_status *status,
			      char *message)
{
	Google__Rpc__BadRequest bad = GOOGLE__RPC__BAD_REQUEST__INIT;
	Google__Rpc__BadRequest__FieldViolation violation =
		GOOGLE__RPC__BAD_REQUEST__FIELD_VIOLATION__INIT;
	Google__Rpc__BadRequest__FieldViolation *list[] = {&violation};
	char field[sizeof(status->field)];

	text_clean(field, sizeof(field), status->field, sizeof(status->field));
	violation.field = field;
	violation.description = message;
	bad.n_field_violations = 1;
	bad.field_violations = list;
	details_add(details, TYPE_PREFIX "google.rpc.BadRequest", &bad.base);
}

static void details_add_quota(struct details *details, const struct rpc_status *status,
			      char *message)
{
	Google__Rpc__QuotaFailure quota = GOOGLE__RPC__QUOTA_FAILURE__INIT;
	Google__Rpc__QuotaFailure__Violation violation =
		GOOGLE__RPC__QUOTA_FAILURE__VIOLATION__INIT;
	Google__Rpc__QuotaFailure__Violation *list[] = {&violation};
	char subject[sizeof(status->quota_subject)];

	text_clean(subject, sizeof(subject), status->quota_subject,
		   sizeof(status->quota_subject));
	violation.subject = subject;
	violation.description = message;
	quota.n_violations = 1;
	quota.violations = list;
	details_add(details, TYPE_PREFIX "google.rpc.QuotaFailure", &quota.base);
}

static void details_add_retry(struct details *details, int64_t retry_after_ms)
{
	Google__Rpc__RetryInfo retry = GOOGLE__RPC__RETRY_INFO__INIT;
	Google__Protobuf__Duration delay = GOOGLE__PROTOBUF__DURATION__INIT;

	delay.seconds = retry_after_ms / 1000;
	delay.nanos = (int32_t)(retry_after_ms % 1000 * 1000000);
	retry.retry_delay = &delay;
	details_add(details, TYPE_PREFIX "google.rpc.RetryInfo", &retry.base);
}

size_t rpc_status_pack(const struct rpc_status *status, const char *domain,
		       uint8_t buffer[static RPC_STATUS_DETAILS_MAX])
{
	Google__Rpc__Status whole = GOOGLE__RPC__STATUS__INIT;
	struct details details = {.count = 0};
	char message[sizeof(status->message)];
	size_t size;

	text_clean(message, sizeof(message), status->message, sizeof(status->message));
	details_add_info(&details, status, domain);
	if (status->field[0])
		details_add_field(&details, status, message);
	if (status->quota_subject[0])
		details_add_quota(&details, status, message);
	if (status->retry_after_ms > 0)
		details_add_retry(&details, status->retry_after_ms);
	whole.code = status->code;
	whole.message = message;
	whole.details = details.list;
	/* The last details are the least important ones. */
	whole.n_details = details.count;
	while ((size = google__rpc__status__get_packed_size(&whole)) > RPC_STATUS_DETAILS_MAX)
		whole.n_details--;
	google__rpc__status__pack(&whole, buffer);
	return size;
}
