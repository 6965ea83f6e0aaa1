/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <grpc/status.h>
#include <stdlib.h>
#include <string.h>

#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "rpc/check.h"
#include "rpc/limits.h"
#include "waymark/v1/marker.pb-c.h"

struct check_case {
	const ProtobufCMessageDescriptor *type;
	const char *bytes;
	size_t size;
	const char *reason; /* NULL: fine */
	const char *field;
	const char *message; /* a part of it; NULL: any */
};

#define BYTES(text) text, sizeof(text) - 1
#define SET &waymark__v1__set_mark_request__descriptor
#define LIST &waymark__v1__list_marks_request__descriptor
#define RESPONSE &waymark__v1__set_mark_response__descriptor
#define STATUS &google__rpc__status__descriptor
#define INFO &google__rpc__error_info__descriptor
#define RETRY &google__rpc__retry_info__descriptor

static const struct check_case strict_cases[] = {
	{SET, BYTES(""), NULL, NULL, NULL},
	/* mark {match {destination protocol=6} dscp} options {} */
	{SET, BYTES("\x0A\x0B\x0A\x07\x0A\x03::1\x18\x06\x20\x00\x1A\x00"), NULL, NULL, NULL},

	/* Unknown numbers, at every depth. */
	{SET, BYTES("\x20\x01"), "UNKNOWN_FIELD", "4",
	 "waymark.v1.SetMarkRequest has no field 4"},
	{SET, BYTES("\x0A\x05\x0A\x03\x98\x06\x01"), "UNKNOWN_FIELD", "mark.match.99",
	 "waymark.v1.Match has no field 99"},
	/* A repeated one says which. */
	{RESPONSE, BYTES("\x22\x01w\x22\x01w\x22\x01\xFF"), "INVALID_TEXT", "warnings[2]",
	 NULL},
	{STATUS, BYTES("\x1A\x00\x1A\x02\x18\x01"), "UNKNOWN_FIELD", "details[1].3", NULL},
	/* Map entries are messages. */
	{INFO, BYTES("\x1A\x03\x0A\x01k\x1A\x06\x0A\x01k\x12\x01\xFF"), "INVALID_TEXT",
	 "metadata[1].value", NULL},
	{INFO, BYTES("\x1A\x02\x18\x01"), "UNKNOWN_FIELD", "metadata[0].3", NULL},

	/* Enum values: alone, packed and not packed, negative. */
	{SET, BYTES("\x0A\x04\x0A\x02\x18\x07"), "UNKNOWN_FIELD", "mark.match.protocol",
	 "7 is not a value of waymark.v1.Protocol"},
	{SET, BYTES("\x0A\x0D\x0A\x0B\x18\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"),
	 "UNKNOWN_FIELD", "mark.match.protocol", "-1 is not"},
	/* 2^32 + 6 is not 6. */
	{SET, BYTES("\x0A\x08\x0A\x06\x18\x86\x80\x80\x80\x10"), "UNKNOWN_FIELD",
	 "mark.match.protocol", "4294967302 is not"},
	{LIST, BYTES("\x0A\x05\x1A\x03\x01\x02\x03"), NULL, NULL, NULL},
	{LIST, BYTES("\x0A\x04\x18\x01\x18\x02"), NULL, NULL, NULL},
	{LIST, BYTES("\x0A\x0A\x1A\x02\x01\x02\x18\x03\x1A\x02\x04\x09"), "UNKNOWN_FIELD",
	 "filter.kinds[4]", NULL},
	{LIST, BYTES("\x0A\x06\x1A\x02\x01\x02\x18\x09"), "UNKNOWN_FIELD", "filter.kinds[2]",
	 NULL},

	/* Wire types. */
	{SET, BYTES("\x08\x01"), "MALFORMED", "mark", "wire type 0, not 2"},
	{SET, BYTES("\x0A\x02\x22\x00"), "MALFORMED", "mark.dscp", "wire type 2, not 0"},
	{LIST, BYTES("\x0A\x03\x1A\x01\x80"), "MALFORMED", "filter.kinds[0]", NULL},

	/* Text. */
	{SET, BYTES("\x0A\x05\x0A\x03\x0A\x01\xC3"), "INVALID_TEXT", "mark.match.destination",
	 "UTF-8"},
	{SET,
	 BYTES("\x0A\x05\x3A\x03"
	       "a\0b"),
	 "INVALID_TEXT", "mark.cookie", "NUL"},

	/* Numbers that protobuf-c would cut: flow_label 2^32, seconds are wide enough. */
	{SET, BYTES("\x0A\x06\x10\x80\x80\x80\x80\x10"), "MALFORMED", "mark.flow_label",
	 "32 bits"},
	{SET, BYTES("\x0A\x06\x10\xFF\xFF\xFF\xFF\x0F"), NULL, NULL, NULL},
	{STATUS, BYTES("\x08\x80\x80\x80\x80\x10"), "MALFORMED", "code", "32 bits"},
	{STATUS, BYTES("\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"), NULL, NULL, NULL},
	{RETRY, BYTES("\x0A\x06\x08\x80\x80\x80\x80\x10"), NULL, NULL, NULL},

	/* Garbage has no field, but a place. */
	{SET, BYTES("\xFF"), "MALFORMED", "", "octet 0 of waymark.v1.SetMarkRequest"},
	{SET, BYTES("\x0A\x7F"), "MALFORMED", "", NULL},
	{SET, BYTES("\x0A\x05\x0A\x03\x18\x06\x18"), "MALFORMED", "mark.match",
	 "octet 2 of waymark.v1.Match"},
	{SET, BYTES("\x0B\x0C"), "MALFORMED", "", NULL},
};

static void expect_case(const struct check_case *expected, bool lenient)
{
	struct rpc_status status = {.code = 0};
	/* An exact copy, so that ASan sees reads beyond the end. */
	char *bytes = malloc(expected->size + !expected->size);
	int err;

	memcpy(bytes, expected->bytes, expected->size);
	err = check_message(expected->type, bytes, expected->size, lenient, &status);
	free(bytes);
	if (!expected->reason) {
		assert_int_equal(err, 0);
		assert_int_equal(status.code, 0);
		return;
	}
	assert_int_equal(err, -EBADMSG);
	assert_int_equal(status.code, GRPC_STATUS_INVALID_ARGUMENT);
	assert_string_equal(status.reason, expected->reason);
	assert_string_equal(status.field, expected->field);
	if (expected->message)
		assert_non_null(strstr(status.message, expected->message));
}

static void strict(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(strict_cases) / sizeof(*strict_cases); i++)
		expect_case(&strict_cases[i], false);
}

/* Others' contracts may grow; garbage stays garbage. */
static void lenient(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(strict_cases) / sizeof(*strict_cases); i++) {
		struct check_case expected = strict_cases[i];

		if (expected.reason && !strcmp(expected.reason, "UNKNOWN_FIELD"))
			expected.reason = NULL;
		expect_case(&expected, true);
	}
}

/* No contract here nests that deep, so a type that contains itself is made up. */
static void nesting(void **state)
{
	ProtobufCFieldDescriptor inner = {
		.name = "inner", .id = 1, .type = PROTOBUF_C_TYPE_MESSAGE};
	const ProtobufCIntRange ranges[] = {{1, 0}, {0, 1}};
	const ProtobufCMessageDescriptor type = {
		.magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
		.name = "test.Deep",
		.n_fields = 1,
		.fields = &inner,
		.n_field_ranges = 1,
		.field_ranges = ranges,
	};
	struct rpc_status status = {.code = 0};
	uint8_t bytes[2 * (RPC_NESTING_MAX + 1)];

	(void)state;
	inner.label = PROTOBUF_C_LABEL_OPTIONAL;
	inner.descriptor = &type;
	for (size_t i = 0; i < sizeof(bytes); i += 2) {
		bytes[i] = 0x0A;
		bytes[i + 1] = (uint8_t)(sizeof(bytes) - i - 2);
	}
	assert_int_equal(check_message(&type, bytes, sizeof(bytes), false, &status), -EBADMSG);
	assert_string_equal(status.reason, "MALFORMED");
	/* One level less. */
	assert_int_equal(check_message(&type, bytes + 2, sizeof(bytes) - 2, false, &status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strict),
		cmocka_unit_test(lenient),
		cmocka_unit_test(nesting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
