/* SPDX-License-Identifier: Apache-2.0 */
#include "json_read.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/cleanup.h"
#include "clients/cleanup.h"
#include "json.h"
#include "mark_text.h"
#include "text.h"
#include "value.h"

/* Of Mark: the first field that only answers have. */
#define OUTPUT_ONLY_FROM 16

/* Where a value stands: "match.destination". */
struct place {
	const struct place *outer;
	const char *name;
	char *reason; /* REASON_MAX */
};

static size_t place_text(const struct place *place, char *text, size_t size)
{
	size_t length = place->outer ? place_text(place->outer, text, size) : 0;

	if (!place->name)
		return length;
	length += (size_t)snprintf(text + length, size - length, "%s%.64s", length ? "." : "",
				   place->name);
	return length < size ? length : size - 1;
}

__attribute__((format(printf, 3, 4))) static bool
refuse(const struct place *place, const json_t *value, const char *format, ...)
{
	cleanup(free_bytes) char *dump =
		value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
	char path[200] = "";
	char detail[200];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(detail, sizeof(detail), format, arguments);
	va_end(arguments);
	(void)place_text(place, path, sizeof(path));
	(void)snprintf(place->reason, REASON_MAX, "%s%s%.100s: %s", path,
		       *path && dump ? " " : "", dump ? dump : "", detail);
	return false;
}

/* A message with all fields at their defaults. */
static ProtobufCMessage *message_new(const ProtobufCMessageDescriptor *type)
{
	ProtobufCMessage *message = must(calloc(1, type->sizeof_message));

	type->message_init(message);
	return message;
}

static bool read_number(const struct place *place, const json_t *value, uint64_t maximum,
			uint64_t *ret)
{
	const char *text = json_string_value(value);
	char reason[REASON_MAX];
	uint64_t number = (uint64_t)json_integer_value(value);
	bool valid = json_is_integer(value) && json_integer_value(value) >= 0;

	/* 64-bit numbers are texts, for JavaScript's sake. */
	if (text)
		valid = strcmp(text, "0") == 0 || read_u64(text, &number, reason);
	if (!valid || number > maximum)
		return refuse(place, value, "not a number in 0..%" PRIu64, maximum);
	*ret = number;
	return true;
}

static bool read_enum(const struct place *place, const json_t *value,
		      const ProtobufCEnumDescriptor *type, int32_t *ret)
{
	const char *text = json_string_value(value);

	for (unsigned int i = 0; i < type->n_values; i++) {
		const ProtobufCEnumValue *known = &type->values[i];

		if (text ? strcmp(text, known->name) == 0 ||
				    strcasecmp(text, enum_text(type, known->value)) == 0
			 : json_is_integer(value) &&
				    json_integer_value(value) == known->value) {
			*ret = known->value;
			return true;
		}
	}
	return refuse(place, value, "not a value of %s, such as \"%s\"", type->short_name,
		      type->values[type->n_values - 1].name);
}

/* "1.500s" as the mapping has it, or as read_ttl() has it. */
static bool read_duration(const struct place *place, const json_t *value,
			  Google__Protobuf__Duration *ret)
{
	const char *text = json_string_value(value);
	const char *point = text ? strchr(text, '.') : NULL;
	struct value_duration length = {0};
	char whole[32];
	char reason[REASON_MAX];
	size_t places = point ? strspn(point + 1, "0123456789") : 0;
	uint64_t fraction = 0;

	if (!text)
		return refuse(place, value, "not a text such as \"3600s\"");
	if (!point) {
		if (!read_ttl(text, &length, reason))
			return refuse(place, value, "%.150s", reason);
		ret->seconds = length.seconds;
		return true;
	}
	(void)snprintf(whole, sizeof(whole), "%.*s", (int)(point - text), text);
	if (!places || places > 9 || strcmp(point + 1 + places, "s") != 0 ||
	    !number_read(whole, 0, INT32_MAX, &fraction))
		return refuse(place, value, "not a text such as \"1.500s\"");
	ret->seconds = (int64_t)fraction;
	fraction = strtoull(point + 1, NULL, 10);
	for (; places < 9; places++)
		fraction *= 10;
	ret->nanos = (int32_t)fraction;
	return true;
}

/* "cms/14" */
static bool read_scitag_text(const struct place *place, const json_t *value,
			     Waymark__V1__Scitag *ret)
{
	struct value_scitag scitag = {0};
	char reason[REASON_MAX];

	if (!read_scitag(json_string_value(value), &scitag, reason))
		return refuse(place, value, "%.190s", reason);
	ret->experiment_id = scitag.experiment_id;
	ret->activity_id = scitag.activity_id;
	if (*scitag.experiment)
		ret->experiment = must(strdup(scitag.experiment));
	if (*scitag.activity)
		ret->activity = must(strdup(scitag.activity));
	return true;
}

static bool read_object(const struct place *place, const json_t *object,
			ProtobufCMessage *message);

/* *ret is the caller's to free, on failure as well. */
static bool read_message(const struct place *place, const json_t *value,
			 const ProtobufCMessageDescriptor *type, ProtobufCMessage **ret)
{
	*ret = message_new(type);
	if (type == &google__protobuf__duration__descriptor)
		return read_duration(place, value, (Google__Protobuf__Duration *)*ret);
	if (type == &waymark__v1__scitag__descriptor && json_is_string(value))
		return read_scitag_text(place, value, (Waymark__V1__Scitag *)*ret);
	return read_object(place, value, *ret);
}

static bool read_text_value(const struct place *place, const json_t *value, char **ret)
{
	if (!json_is_string(value))
		return refuse(place, value, "not a text");
	/* The default is a constant, and stays. */
	if (json_string_length(value))
		*ret = must(strdup(json_string_value(value)));
	return true;
}

static bool read_value(const struct place *place, const json_t *value,
		       const ProtobufCFieldDescriptor *field, void *ret)
{
	uint64_t number = 0;

	if (field->label == PROTOBUF_C_LABEL_REPEATED)
		return refuse(place, value, "cannot be given here");
	switch (field->type) {
	case PROTOBUF_C_TYPE_UINT32:
		if (!read_number(place, value, UINT32_MAX, &number))
			return false;
		*(uint32_t *)ret = (uint32_t)number;
		return true;
	case PROTOBUF_C_TYPE_UINT64:
		return read_number(place, value, UINT64_MAX, ret);
	case PROTOBUF_C_TYPE_BOOL:
		*(protobuf_c_boolean *)ret = json_is_true(value);
		return json_is_boolean(value) || refuse(place, value, "not true or false");
	case PROTOBUF_C_TYPE_ENUM:
		return read_enum(place, value, field->descriptor, ret);
	case PROTOBUF_C_TYPE_STRING:
		return read_text_value(place, value, ret);
	case PROTOBUF_C_TYPE_MESSAGE:
		return read_message(place, value, field->descriptor, ret);
	default:
		return refuse(place, value, "cannot be given here");
	}
}

static const ProtobufCFieldDescriptor *find_field(const ProtobufCMessageDescriptor *type,
						  const char *name)
{
	for (unsigned int i = 0; i < type->n_fields; i++) {
		char camel[JSON_NAME_MAX];

		/* The first letter is the same in both forms. */
		if (type->fields[i].name[0] != name[0])
			continue;
		json_field_name(type->fields[i].name, camel);
		if (strcmp(name, camel) == 0 || strcmp(name, type->fields[i].name) == 0)
			return &type->fields[i];
	}
	return NULL;
}

/* A member that excludes others is noted as the one that is there. */
static bool choose(const struct place *place, const ProtobufCMessage *message,
		   const ProtobufCFieldDescriptor *field)
{
	uint32_t *chosen = (uint32_t *)((char *)message + field->quantifier_offset);
	const ProtobufCFieldDescriptor *other;

	if (!(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
		return true;
	if (*chosen) {
		other = protobuf_c_message_descriptor_get_field(message->descriptor, *chosen);
		return refuse(place, NULL, "excludes %s", other->name);
	}
	*chosen = field->id;
	return true;
}

static bool read_field(const struct place *outer, const char *name, const json_t *value,
		       ProtobufCMessage *message)
{
	const struct place place = {outer, name, outer->reason};
	const ProtobufCFieldDescriptor *field = find_field(message->descriptor, name);
	bool is_mark = message->descriptor == &waymark__v1__mark__descriptor;

	if (!field)
		return refuse(&place, value, "%s has no such field",
			      message->descriptor->short_name);
	if (json_is_null(value) || (is_mark && field->id >= OUTPUT_ONLY_FROM))
		return true;
	return choose(&place, message, field) &&
	       read_value(&place, value, field, (char *)message + field->offset);
}

static bool read_object(const struct place *place, const json_t *object,
			ProtobufCMessage *message)
{
	const char *name;
	json_t *value;

	if (!json_is_object(object))
		return refuse(place, object, "not an object");
	json_object_foreach ((json_t *)object, name, value) {
		if (!read_field(place, name, value, message))
			return false;
	}
	return true;
}

ProtobufCMessage *json_read(const ProtobufCMessageDescriptor *type, const json_t *object,
			    char reason[static REASON_MAX])
{
	const struct place place = {.reason = reason};
	cleanup(free_message) ProtobufCMessage *message = message_new(type);

	return read_object(&place, object, message) ? take(message) : NULL;
}
