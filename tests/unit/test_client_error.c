/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "clients/c/error.h"
#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"

/* A packed google.rpc.Status with one detail. */
struct packed {
	uint8_t data[8192];
	size_t length;
};

static struct packed pack(const char *type, const ProtobufCMessage *detail)
{
	struct packed packed = {0};
	uint8_t value[8192];
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	Google__Protobuf__Any *anys[] = {&any};
	Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;

	any.type_url = (char *)type;
	any.value.data = value;
	any.value.len = protobuf_c_message_pack(detail, value);
	status.code = WAYMARK_ABORTED;
	status.message = (char *)"of the details";
	status.n_details = 1;
	status.details = anys;
	packed.length = google__rpc__status__pack(&status, packed.data);
	return packed;
}

static struct waymark_error decode(const char *type, const ProtobufCMessage *detail)
{
	struct packed packed = pack(type, detail);
	struct waymark_error error;

	assert_int_equal(error_set(&error, WAYMARK_UNKNOWN, "", "%s", "of the call"),
			 WAYMARK_UNKNOWN);
	error_add_details(&error, packed.data, packed.length);
	/* Code and message are the call's, which the agent cannot contradict. */
	assert_int_equal(error.code, WAYMARK_UNKNOWN);
	assert_string_equal(error.message, "of the call");
	return error;
}

static void test_error_info(void **state)
{
	Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;
	Google__Rpc__ErrorInfo__MetadataEntry entries[WAYMARK_ERROR_METADATA + 1];
	Google__Rpc__ErrorInfo__MetadataEntry *pointers[WAYMARK_ERROR_METADATA + 1];
	char keys[WAYMARK_ERROR_METADATA + 1][8];
	struct waymark_error error;

	(void)state;
	for (size_t i = 0; i <= WAYMARK_ERROR_METADATA; i++) {
		google__rpc__error_info__metadata_entry__init(&entries[i]);
		(void)snprintf(keys[i], sizeof(keys[i]), "key%zu", i);
		entries[i].key = keys[i];
		entries[i].value = (char *)"value";
		pointers[i] = &entries[i];
	}
	info.reason = (char *)"NOT_OWNER";
	info.n_metadata = WAYMARK_ERROR_METADATA + 1;
	info.metadata = pointers;
	error = decode("type.googleapis.com/google.rpc.ErrorInfo", &info.base);
	assert_string_equal(error.reason, "NOT_OWNER");
	assert_int_equal(error.metadata_count, WAYMARK_ERROR_METADATA);
	assert_string_equal(error.metadata[0].key, "key0");
	assert_string_equal(error.metadata[WAYMARK_ERROR_METADATA - 1].key, "key7");
	assert_string_equal(error.metadata[7].value, "value");
}

static void test_long_texts_are_cut(void **state)
{
	Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;
	struct waymark_error error;
	char reason[2000];

	(void)state;
	memset(reason, 'R', sizeof(reason) - 1);
	reason[sizeof(reason) - 1] = '\0';
	info.reason = reason;
	error = decode("type.googleapis.com/google.rpc.ErrorInfo", &info.base);
	assert_int_equal(strlen(error.reason), sizeof(error.reason) - 1);
}

static void test_bad_request(void **state)
{
	Google__Rpc__BadRequest request = GOOGLE__RPC__BAD_REQUEST__INIT;
	Google__Rpc__BadRequest__FieldViolation violation =
		GOOGLE__RPC__BAD_REQUEST__FIELD_VIOLATION__INIT;
	Google__Rpc__BadRequest__FieldViolation *violations[] = {&violation};
	struct waymark_error error;

	(void)state;
	error = decode("type.googleapis.com/google.rpc.BadRequest", &request.base);
	assert_string_equal(error.field, "");
	violation.field = (char *)"mark.match.destination";
	request.n_field_violations = 1;
	request.field_violations = violations;
	error = decode("type.googleapis.com/google.rpc.BadRequest", &request.base);
	assert_string_equal(error.field, "mark.match.destination");
}

static int64_t retry_after(int64_t seconds, int32_t nanos)
{
	Google__Protobuf__Duration delay = GOOGLE__PROTOBUF__DURATION__INIT;
	Google__Rpc__RetryInfo info = GOOGLE__RPC__RETRY_INFO__INIT;

	delay.seconds = seconds;
	delay.nanos = nanos;
	info.retry_delay = &delay;
	return decode("type.googleapis.com/google.rpc.RetryInfo", &info.base).retry_after_ms;
}

static void test_retry_info(void **state)
{
	(void)state;
	assert_int_equal(retry_after(2, 500000000), 2500);
	assert_int_equal(retry_after(0, 1000000), 1);
	assert_int_equal(retry_after(-1, 0), 0);
	assert_int_equal(retry_after(INT64_MAX, 0), 0);
	assert_int_equal(retry_after(0, INT32_MIN), 0);
}

static void test_foreign_bytes_change_nothing(void **state)
{
	Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;
	struct waymark_error error;
	struct packed packed;

	(void)state;
	info.reason = (char *)"REASON";
	assert_string_equal(decode("type.googleapis.com/other.Thing", &info.base).reason, "");
	assert_string_equal(decode("google.rpc.ErrorInfo", &info.base).reason, "");
	assert_string_equal(
		decode("type.googleapis.com/google.rpc.BadRequest", &info.base).field, "");

	/* Every truncation is either refused or decoded, never read past its end. */
	packed = pack("type.googleapis.com/google.rpc.ErrorInfo", &info.base);
	for (size_t length = 0; length < packed.length; length++) {
		uint8_t *exact = test_malloc(length + 1);

		memcpy(exact, packed.data, length);
		(void)error_set(&error, WAYMARK_UNKNOWN, "", "%s", "x");
		error_add_details(&error, exact, length);
		assert_string_equal(error.reason, "");
		test_free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_error_info),
		cmocka_unit_test(test_long_texts_are_cut),
		cmocka_unit_test(test_bad_request),
		cmocka_unit_test(test_retry_info),
		cmocka_unit_test(test_foreign_bytes_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
