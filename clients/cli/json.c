/* SPDX-License-Identifier: Apache-2.0 */
#include "json.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "agent/cleanup.h"
#include "google/protobuf/duration.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"
#include "text.h"
#include "time_text.h"

static json_t *json_text(const char *text)
{
	cleanup(free_bytes) char *valid = text_repair(text ? text : "");

	return must(json_string(valid));
}

static json_t *json_bytes(const ProtobufCBinaryData *bytes)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	cleanup(free_bytes) char *text = must(malloc((bytes->len + 2) / 3 * 4 + 1));
	char *end = text;

	for (size_t i = 0; i < bytes->len; i += 3) {
		size_t left = bytes->len - i;
		uint32_t group = (uint32_t)bytes->data[i] << 16;

		group |= left > 1 ? (uint32_t)bytes->data[i + 1] << 8 : 0;
		group |= left > 2 ? bytes->data[i + 2] : 0;
		*end++ = digits[group >> 18];
		*end++ = digits[group >> 12 & 63];
		*end++ = (char)(left > 1 ? digits[group >> 6 & 63] : '=');
		*end++ = (char)(left > 2 ? digits[group & 63] : '=');
	}
	*end = '\0';
	return must(json_string(text));
}

static json_t *json_unsigned(uint64_t number)
{
	return must(json_sprintf("%" PRIu64, number));
}

static json_t *json_signed(int64_t number)
{
	return must(json_sprintf("%" PRId64, number));
}

static json_t *json_float(double number)
{
	if (isnan(number))
		return must(json_string("NaN"));
	if (isinf(number))
		return must(json_string(number > 0 ? "Infinity" : "-Infinity"));
	return must(json_real(number));
}

static json_t *json_enum(const ProtobufCEnumDescriptor *type, int32_t number)
{
	const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(type, number);

	return must(value ? json_string(value->name) : json_integer(number));
}

/* A message as a value: an object but for the types with a text of their own. */
static json_t *json_submessage(const ProtobufCMessage *message)
{
	char text[TIME_TEXT_MAX];

	if (message->descriptor == &google__protobuf__timestamp__descriptor)
		timestamp_text((const Google__Protobuf__Timestamp *)message, text);
	else if (message->descriptor == &google__protobuf__duration__descriptor)
		duration_text((const Google__Protobuf__Duration *)message, text);
	else
		return json_message(message);
	return must(json_string(text));
}

static json_t *json_value(const ProtobufCFieldDescriptor *field, const void *value)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
		return must(json_integer(*(const int32_t *)value));
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		return must(json_integer(*(const uint32_t *)value));
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		return json_signed(*(const int64_t *)value);
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		return json_unsigned(*(const uint64_t *)value);
	case PROTOBUF_C_TYPE_FLOAT:
		return json_float(*(const float *)value);
	case PROTOBUF_C_TYPE_DOUBLE:
		return json_float(*(const double *)value);
	case PROTOBUF_C_TYPE_BOOL:
		return json_boolean(*(const protobuf_c_boolean *)value);
	case PROTOBUF_C_TYPE_ENUM:
		return json_enum(field->descriptor, *(const int32_t *)value);
	case PROTOBUF_C_TYPE_STRING:
		return json_text(*(char *const *)value);
	case PROTOBUF_C_TYPE_BYTES:
		return json_bytes(value);
	case PROTOBUF_C_TYPE_MESSAGE:
		return json_submessage(*(ProtobufCMessage *const *)value);
	}
	return must(json_null());
}

static size_t value_size(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return sizeof(uint64_t);
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	default:
		return sizeof(uint32_t);
	}
}

/* Default values of proto3 are all zero, but for texts, which are the empty text. */
static bool is_default(const ProtobufCFieldDescriptor *field, const void *value)
{
	static const ProtobufCBinaryData zero;

	if (field->type == PROTOBUF_C_TYPE_STRING) {
		const char *text = *(char *const *)value;

		return !text || !*text;
	}
	if (field->type == PROTOBUF_C_TYPE_BYTES)
		return !((const ProtobufCBinaryData *)value)->len;
	return memcmp(value, &zero, value_size(field->type)) == 0;
}

static json_t *json_repeated(const ProtobufCFieldDescriptor *field, const void *values,
			     size_t count)
{
	json_t *array = must(json_array());

	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(
			array,
			json_value(field, (const char *)values + i * value_size(field->type)));
	return array;
}

/* NULL: the field is left out. */
static json_t *json_field(const ProtobufCMessage *message,
			  const ProtobufCFieldDescriptor *field)
{
	const char *start = (const char *)message;
	const void *value = start + field->offset;
	const void *quantifier = start + field->quantifier_offset;

	if (field->label == PROTOBUF_C_LABEL_REPEATED) {
		size_t count = *(const size_t *)quantifier;

		return count ? json_repeated(field, *(void *const *)value, count) : NULL;
	}
	if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
		return *(const uint32_t *)quantifier == field->id ? json_value(field, value)
								  : NULL;
	return is_default(field, value) ? NULL : json_value(field, value);
}

void json_field_name(const char *name, char ret[static JSON_NAME_MAX])
{
	size_t size = JSON_NAME_MAX;
	char *text = ret;
	bool raise = false;

	for (; *name && size > 1; name++) {
		if (*name == '_') {
			raise = true;
			continue;
		}
		*text++ = (char)(raise && *name >= 'a' && *name <= 'z' ? *name - 'a' + 'A'
								       : *name);
		raise = false;
		size--;
	}
	*text = '\0';
}

json_t *json_message(const ProtobufCMessage *message)
{
	json_t *object = must(json_object());

	for (unsigned int i = 0; i < message->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
		json_t *value = json_field(message, field);
		char name[JSON_NAME_MAX];

		if (!value)
			continue;
		json_field_name(field->name, name);
		(void)json_object_set_new(object, name, value);
	}
	return object;
}
