/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rpc/plain: what it takes is what the strict check lets pass, and becomes what protobuf-c
 * makes of it. Octets are made by chance from the descriptors of requests, and spoiled.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <waymark/v1/marker.pb-c.h>

#include "draw.h"
#include "rpc/check.h"
#include "rpc/limits.h"
#include "rpc/plain.h"
#include "same_message.h"
#include "wire/write.h"

#define ROUNDS 60000
#define ROOM 4096 /* of a request; what is begun before its end may go beyond */

#define APPLY &waymark__v1__apply_marks_request__descriptor
#define SET &waymark__v1__set_mark_request__descriptor
#define LIST &waymark__v1__list_marks_request__descriptor
#define REPLACE &waymark__v1__replace_marks_request__descriptor

/* ---- the two ways ---- */

static const ProtobufCMessage *usual_way(const ProtobufCMessageDescriptor *type,
					 struct arena *arena, const void *data, size_t size)
{
	struct rpc_status status = {.code = 0};

	if (check_message(type, data, size, false, &status))
		return NULL;
	return protobuf_c_message_unpack(type, &arena->allocator, size, data);
}

/* Is it plain? Then both ways must have found the same. */
static bool is_plain(const ProtobufCMessageDescriptor *type, const void *data, size_t size)
{
	/* An exact copy, so that ASan sees reads beyond the end. */
	char *octets = malloc(size + !size);
	const ProtobufCMessage *plain, *usual;
	struct arena arena, other;

	memcpy(octets, data, size);
	arena_init(&arena, RPC_ARENA_MAX);
	arena_init(&other, RPC_ARENA_MAX);
	plain = plain_unpack(type, &arena, octets, size);
	usual = usual_way(type, &other, octets, size);
	free(octets);
	if (plain) {
		assert_non_null(usual);
		assert_true(same_message(plain, usual));
	}
	arena_clear(&arena);
	arena_clear(&other);
	return plain;
}

/* ---- requests by chance ---- */

struct request {
	uint8_t octets[3 * ROOM];
	uint8_t *to;
	bool is_odd; /* not plain, or not known to be */
};

static bool once_in(unsigned int times)
{
	return draw(times) == 0;
}

static void put_number(struct request *request, const ProtobufCFieldDescriptor *field)
{
	const ProtobufCEnumDescriptor *values = field->descriptor;
	uint64_t value = draw_number();

	if (field->type == PROTOBUF_C_TYPE_BOOL)
		value &= 1;
	if (field->type == PROTOBUF_C_TYPE_UINT32)
		value &= UINT32_MAX;
	if (field->type == PROTOBUF_C_TYPE_INT32)
		value = (uint64_t)(int32_t)value;
	if (field->type == PROTOBUF_C_TYPE_ENUM)
		value = (uint64_t)values->values[draw(values->n_values)].value;
	if (once_in(200)) {
		value ^= 1ULL << draw(64);
		request->is_odd = true;
	}
	request->to = wire_put_member(request->to, field->id, value);
}

static void put_text(struct request *request, const ProtobufCFieldDescriptor *field)
{
	const size_t length = once_in(10) ? 120 + draw(20) : draw(20);
	uint8_t *begin = wire_begin(request->to, field->id);

	for (size_t i = 0; i < length; i++)
		begin[i] = (uint8_t)(1 + draw(127));
	if (length && once_in(200)) {
		begin[draw((unsigned int)length)] = draw(2) ? 0 : (uint8_t)(128 + draw(128));
		request->is_odd = true;
	}
	request->to = wire_end(begin, begin + length);
}

static void put_message(struct request *request, const ProtobufCMessageDescriptor *type);

static void put_field(struct request *request, const ProtobufCFieldDescriptor *field)
{
	uint8_t *begin;

	if (field->type == PROTOBUF_C_TYPE_STRING) {
		put_text(request, field);
	} else if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
		begin = request->to = wire_begin(request->to, field->id);
		put_message(request, field->descriptor);
		request->to = wire_end(begin, request->to);
	} else {
		put_number(request, field);
	}
}

/* Is there a member of the same oneof already? `put` has a bit for each field that is. */
static bool is_second_member(const ProtobufCMessageDescriptor *type, unsigned int put,
			     const ProtobufCFieldDescriptor *field)
{
	for (unsigned int i = 0; i < type->n_fields; i++)
		if (put >> i & 1 && type->fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF &&
		    type->fields[i].quantifier_offset == field->quantifier_offset)
			return field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;
	return false;
}

/* Some of the fields, from any of them on. */
static void put_message(struct request *request, const ProtobufCMessageDescriptor *type)
{
	const unsigned int first = type->n_fields ? draw(type->n_fields) : 0;
	unsigned int put = 0;

	for (unsigned int i = 0; i < type->n_fields; i++) {
		const unsigned int place = (first + i) % type->n_fields;
		const ProtobufCFieldDescriptor *field = &type->fields[place];
		const bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
		unsigned int times = draw(repeated ? 6 : 2);

		if (is_second_member(type, put, field))
			times = once_in(50);
		if (once_in(200))
			times = 2;
		if (!times || request->to - request->octets > ROOM)
			continue;
		if (field->id > 15 && !once_in(50))
			continue;
		if (is_second_member(type, put, field) || field->id > 15 ||
		    (repeated && field->type != PROTOBUF_C_TYPE_MESSAGE) ||
		    (times > 1 && !repeated))
			request->is_odd = true;
		put |= 1U << place;
		while (times--)
			put_field(request, field);
	}
}

static const ProtobufCMessageDescriptor *draw_request(struct request *request)
{
	static const ProtobufCMessageDescriptor *const types[] = {APPLY, SET, LIST, REPLACE};
	const ProtobufCMessageDescriptor *type = types[draw(4)];

	request->to = request->octets;
	request->is_odd = false;
	put_message(request, type);
	return type;
}

static void what_encoders_make_is_plain(void **state)
{
	struct request request;
	unsigned int odd = 0;

	(void)state;
	for (unsigned int i = 0; i < ROUNDS; i++) {
		const ProtobufCMessageDescriptor *type = draw_request(&request);
		const size_t size = (size_t)(request.to - request.octets);

		odd += request.is_odd;
		if (!is_plain(type, request.octets, size))
			assert_true(request.is_odd);
	}
	assert_in_range(odd, ROUNDS / 10, ROUNDS * 9 / 10);
}

static size_t spoil(uint8_t *octets, size_t size)
{
	const size_t at = draw((unsigned int)size);

	switch (draw(4)) {
	case 0:
		octets[at] ^= (uint8_t)(1U << draw(8));
		return size;
	case 1:
		octets[at] = (uint8_t)draw(256);
		return size;
	case 2:
		memmove(octets + at, octets + at + 1, size - at - 1);
		return size - 1;
	default:
		return at;
	}
}

static void what_is_spoiled_is_read_alike_or_not_plain(void **state)
{
	struct request request;
	unsigned int plain = 0;

	(void)state;
	for (unsigned int i = 0; i < ROUNDS; i++) {
		const ProtobufCMessageDescriptor *type = draw_request(&request);
		size_t size = (size_t)(request.to - request.octets);

		for (unsigned int times = 1 + draw(3); times && size; times--)
			size = spoil(request.octets, size);
		plain += is_plain(type, request.octets, size);
	}
	assert_in_range(plain, ROUNDS / 100, ROUNDS);
}

/* ---- one by one ---- */

struct plain_case {
	const ProtobufCMessageDescriptor *type;
	const char *octets;
	size_t size;
	bool is_plain;
};

#define BYTES(text) (text), sizeof(text) - 1

static const struct plain_case cases[] = {
	{SET, BYTES(""), true},
	{APPLY, BYTES("\x0A\x00\x10\x02\x0A\x00"), true}, /* a list in two pieces */
	{SET, BYTES("\x0A\x02\x22\x00"), false}, /* dscp is no text */
	{SET, BYTES("\x08\x01"), false}, /* mark is no number */
	{SET, BYTES("\x09\x01\x02\x03\x04\x05\x06\x07\x08"), false},
	{SET, BYTES("\x0A\x00\x0A\x00"), false}, /* twice: to be merged */
	{SET, BYTES("\x0A\x02\x20\x05"), true}, /* dscp */
	{SET, BYTES("\x0A\x04\x20\x05\x20\x06"), false}, /* twice: the last one counts */
	{SET, BYTES("\x0A\x04\x10\x05\x1A\x00"), false}, /* flow_label and scitag */
	{SET, BYTES("\x0A\x04\x2A\x00\x30\x07"), false}, /* ttl and lease_id */
	{SET, BYTES("\x0A\x02\x10\x00"), true}, /* flow_label 0 is there */
	{SET, BYTES("\x0A\x03\x10\x85\x00"), false}, /* 5, longer than need be */
	{SET, BYTES("\x8A\x00\x00"), false},
	{SET, BYTES("\x0A\x80\x00"), false},
	{SET, BYTES("\x0A\x06\x10\xFF\xFF\xFF\xFF\x0F"), true}, /* 32 bits */
	{SET, BYTES("\x0A\x06\x10\x80\x80\x80\x80\x10"), false}, /* one more */
	{SET, BYTES("\x0A\x0D\x2A\x0B\x10\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"), true},
	{SET, BYTES("\x0A\x08\x2A\x06\x10\x80\x80\x80\x80\x08"), false}, /* 2^31 nanos */
	{SET, BYTES("\x0A\x04\x0A\x02\x18\x06"), true}, /* TCP */
	{SET, BYTES("\x0A\x04\x0A\x02\x18\x07"), false}, /* no protocol of ours */
	{SET, BYTES("\x12\x02\x08\x01"), true}, /* must_not_exist */
	{SET, BYTES("\x12\x02\x08\x02"), false}, /* true in another way */
	{SET, BYTES("\x0A\x04\x3A\x02\x01\x7F"), true}, /* cookie */
	{SET, BYTES("\x0A\x04\x3A\x02\xC3\xA4"), false}, /* UTF-8, but no ASCII */
	{SET, BYTES("\x0A\x03\x3A\x01\x00"), false},
	{SET, BYTES("\x0A\x03\x80\x01\x01"), false}, /* kind, which is field 16 */
	{SET, BYTES("\x20\x01"), false}, /* no such field */
	{SET, BYTES("\x00\x01"), false},
	{SET, BYTES("\x0A"), false},
	{SET, BYTES("\x0A\x01"), false},
	{SET, BYTES("\x0A\x02\x10\x80"), false},
	{LIST, BYTES("\x0A\x02\x18\x01"), false}, /* kinds: a list of numbers */
	{LIST, BYTES("\x0A\x03\x1A\x01\x01"), false},
};

static void at_the_edges(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (is_plain(cases[i].type, cases[i].octets, cases[i].size) !=
		    cases[i].is_plain)
			fail_msg("case %zu is not as expected", i);
}

/* Both ways have a cap; what is beyond it goes the usual one, which says so. */
static void beyond_the_cap(void **state)
{
	static uint8_t octets[20000];
	struct arena arena;

	(void)state;
	for (size_t i = 0; i < sizeof(octets); i += 2)
		octets[i] = 0x0A; /* an update, empty */
	arena_init(&arena, arena_cap_for(sizeof(octets)));
	assert_null(plain_unpack(APPLY, &arena, octets, sizeof(octets)));
	assert_true(arena.exhausted);
	arena_clear(&arena);
	assert_true(is_plain(APPLY, octets, sizeof(octets)));
}

/* No contract here nests that deep, nor asks whether a number is there, so a type that contains
 * itself is made up. */
struct deep {
	ProtobufCMessage base;
	struct deep *inner;
	protobuf_c_boolean has_number;
	uint32_t number;
};

static void init_deep(ProtobufCMessage *message);

static const ProtobufCIntRange deep_ranges[] = {{1, 0}, {0, 2}};
static ProtobufCFieldDescriptor deep_fields[] = {
	{.name = "inner",
	 .id = 1,
	 .label = PROTOBUF_C_LABEL_OPTIONAL,
	 .type = PROTOBUF_C_TYPE_MESSAGE,
	 .offset = offsetof(struct deep, inner)},
	{.name = "number",
	 .id = 2,
	 .label = PROTOBUF_C_LABEL_OPTIONAL,
	 .type = PROTOBUF_C_TYPE_UINT32,
	 .quantifier_offset = offsetof(struct deep, has_number),
	 .offset = offsetof(struct deep, number)},
};
static const ProtobufCMessageDescriptor deep = {
	.magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
	.name = "test.Deep",
	.sizeof_message = sizeof(struct deep),
	.n_fields = 2,
	.fields = deep_fields,
	.n_field_ranges = 1,
	.field_ranges = deep_ranges,
	.message_init = init_deep,
};

static void init_deep(ProtobufCMessage *message)
{
	*(struct deep *)message = (struct deep){.base.descriptor = &deep};
}

static void too_deep(void **state)
{
	uint8_t octets[2 * RPC_NESTING_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(octets); i += 2) {
		octets[i] = 0x0A;
		octets[i + 1] = (uint8_t)(sizeof(octets) - i - 2);
	}
	assert_false(is_plain(&deep, octets, sizeof(octets)));
	assert_true(is_plain(&deep, octets + 2, sizeof(octets) - 2));
}

static void numbers_that_may_be_absent(void **state)
{
	(void)state;
	assert_false(is_plain(&deep, "\x10\x05", 2));
	assert_false(is_plain(&deep, "\x0A\x02\x10\x00", 4));
}

static int link_deep(void **state)
{
	(void)state;
	deep_fields[0].descriptor = &deep;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_encoders_make_is_plain),
		cmocka_unit_test(what_is_spoiled_is_read_alike_or_not_plain),
		cmocka_unit_test(at_the_edges),
		cmocka_unit_test(beyond_the_cap),
		cmocka_unit_test(too_deep),
		cmocka_unit_test(numbers_that_may_be_absent),
	};

	return cmocka_run_group_tests(tests, link_deep, NULL);
}
