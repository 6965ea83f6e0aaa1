/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/file_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Field numbers of google/protobuf/descriptor.proto. */
enum { SET_FILE = 1 };
enum {
	FILE_NAME = 1,
	FILE_PACKAGE = 2,
	FILE_DEPENDENCY = 3,
	FILE_MESSAGE = 4,
	FILE_ENUM = 5,
	FILE_SERVICE = 6
};
enum {
	MESSAGE_FIELD = 2,
	MESSAGE_NESTED = 3,
	MESSAGE_ENUM = 4,
	MESSAGE_ONEOF = 8,
};
enum { SERVICE_METHOD = 2, ENUM_VALUE = 2, NAME = 1 };

/* What may stand inside of something that has a name. */
struct scope {
	uint32_t number; /* of the member in its container; 0 ends a list */
	const struct scope *inside;
	bool has_values; /* an enum: its values are its siblings, by protobuf's rules */
};

static const struct scope leaf[] = {{0}};
static const struct scope service_scope[] = {{.number = SERVICE_METHOD, .inside = leaf}, {0}};
static const struct scope message_scope[] = {
	{.number = MESSAGE_NESTED, .inside = message_scope},
	{.number = MESSAGE_ENUM, .inside = leaf, .has_values = true},
	{.number = MESSAGE_FIELD, .inside = leaf},
	{.number = MESSAGE_ONEOF, .inside = leaf},
	{0},
};
static const struct scope file_scope[] = {
	{.number = FILE_MESSAGE, .inside = message_scope},
	{.number = FILE_ENUM, .inside = leaf, .has_values = true},
	{.number = FILE_SERVICE, .inside = service_scope},
	{0},
};

/* The next field with this number that has bytes inside. */
static bool wire_find(struct wire *wire, uint32_t number, struct wire *ret)
{
	struct wire_field field;

	while (wire_left(wire) && !wire_next(wire, &field)) {
		if (field.number == number &&
		    field.type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED) {
			*ret = field.bytes;
			return true;
		}
	}
	return false;
}

static bool wire_is(const struct wire *text, const char *name, size_t length)
{
	return wire_left(text) == length && !memcmp(text->at, name, length);
}

int file_set_init(struct file_set *set, const uint8_t *bytes, size_t size)
{
	struct wire wire = wire_of(bytes, size), file;
	struct wire_field field;
	size_t count = 0;

	while (wire_left(&wire)) {
		if (wire_next(&wire, &field) || field.number != SET_FILE ||
		    field.type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
			return -EBADMSG;
		count++;
	}
	*set = (struct file_set){.files = calloc(count + 1, sizeof(*set->files))};
	if (!set->files)
		return -ENOMEM;
	wire = wire_of(bytes, size);
	while (wire_find(&wire, SET_FILE, &file))
		set->files[set->count++] = file;
	return 0;
}

void file_set_done(struct file_set *set)
{
	free(set->files);
}

static int file_set_find(const struct file_set *set, const char *name, size_t length)
{
	for (size_t i = 0; i < set->count; i++) {
		struct wire file = set->files[i], found;

		if (wire_find(&file, FILE_NAME, &found) && wire_is(&found, name, length))
			return (int)i;
	}
	return -ENOENT;
}

int file_set_find_name(const struct file_set *set, const char *name)
{
	return file_set_find(set, name, strlen(name));
}

static bool enum_has(struct wire wire, const char *symbol)
{
	struct wire value, name;

	while (wire_find(&wire, ENUM_VALUE, &value))
		if (wire_find(&value, NAME, &name) && wire_is(&name, symbol, strlen(symbol)))
			return true;
	return false;
}

static bool scope_has(const struct scope *members, struct wire wire, const char *symbol)
{
	size_t length = strcspn(symbol, ".");
	const char *rest = symbol[length] ? symbol + length + 1 : NULL;

	for (const struct scope *member = members; member->number; member++) {
		struct wire all = wire, item;

		while (wire_find(&all, member->number, &item)) {
			struct wire inside = item, name;

			if (member->has_values && !rest && enum_has(item, symbol))
				return true;
			if (!wire_find(&inside, NAME, &name) || !wire_is(&name, symbol, length))
				continue;
			if (!rest || scope_has(member->inside, item, rest))
				return true;
		}
	}
	return false;
}

int file_set_find_symbol(const struct file_set *set, const char *symbol)
{
	for (size_t i = 0; i < set->count; i++) {
		struct wire file = set->files[i], package;
		const char *rest = symbol;

		if (wire_find(&file, FILE_PACKAGE, &package)) {
			size_t length = wire_left(&package);

			if (strncmp(symbol, (const char *)package.at, length) ||
			    symbol[length] != '.')
				continue;
			rest = symbol + length + 1;
		}
		if (scope_has(file_scope, set->files[i], rest))
			return (int)i;
	}
	return -ENOENT;
}

void file_set_closure(const struct file_set *set, int file, bool *wanted)
{
	struct wire wire = set->files[file], name;

	/* Imports form no circles, but bytes could. */
	if (wanted[file])
		return;
	wanted[file] = true;
	while (wire_find(&wire, FILE_DEPENDENCY, &name)) {
		int imported = file_set_find(set, (const char *)name.at, wire_left(&name));

		if (imported >= 0)
			file_set_closure(set, imported, wanted);
	}
}
