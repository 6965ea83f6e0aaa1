/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "rpc/status.h"
#include "rpc/text.h"

#define PREFIX "type.googleapis.com/google.rpc."

static Google__Rpc__Status *packed(const struct rpc_status *status)
{
	uint8_t bytes[RPC_STATUS_DETAILS_MAX];
	size_t size = rpc_status_pack(status, "test", bytes);
	Google__Rpc__Status *whole;

	assert_in_range(size, 1, RPC_STATUS_DETAILS_MAX);
	whole = google__rpc__status__unpack(NULL, size, bytes);
	assert_non_null(whole);
	return whole;
}

/* The i-th detail, which must be of this type. */
#define detail(whole, i, name, unpack)                                    \
	(assert_true((i) < (whole)->n_details),                           \
	 assert_string_equal((whole)->details[i]->type_url, PREFIX name), \
	 unpack(NULL, (whole)->details[i]->value.len, (whole)->details[i]->value.data))

static void plain(void **state)
{
	struct rpc_status status = {.code = 0};
	Google__Rpc__Status *whole;
	Google__Rpc__ErrorInfo *info;

	(void)state;
	rpc_status_set(&status, 9, "NOT_PRIMARY", "election %d is over", 7);
	rpc_status_add(&status, "election_id", "%d", 8);
	rpc_status_add(&status, "owner", "%s", "rucio");
	whole = packed(&status);
	assert_int_equal(whole->code, 9);
	assert_string_equal(whole->message, "election 7 is over");
	assert_int_equal(whole->n_details, 1);
	info = detail(whole, 0, "ErrorInfo", google__rpc__error_info__unpack);
	assert_string_equal(info->reason, "NOT_PRIMARY");
	assert_string_equal(info->domain, "test");
	assert_int_equal(info->n_metadata, 2);
	assert_string_equal(info->metadata[0]->key, "election_id");
	assert_string_equal(info->metadata[0]->value, "8");
	assert_string_equal(info->metadata[1]->value, "rucio");
	google__rpc__error_info__free_unpacked(info, NULL);
	google__rpc__status__free_unpacked(whole, NULL);
}

static void every_detail(void **state)
{
	struct rpc_status status = {.retry_after_ms = 2500, .quota_subject = "marks"};
	Google__Rpc__Status *whole;
	Google__Rpc__BadRequest *bad;
	Google__Rpc__QuotaFailure *quota;
	Google__Rpc__RetryInfo *retry;

	(void)state;
	rpc_status_set(&status, 8, "TABLE_FULL", "the table is full");
	strcpy(status.field, "updates[17].set.mark");
	whole = packed(&status);
	assert_int_equal(whole->n_details, 4);
	bad = detail(whole, 1, "BadRequest", google__rpc__bad_request__unpack);
	assert_int_equal(bad->n_field_violations, 1);
	assert_string_equal(bad->field_violations[0]->field, "updates[17].set.mark");
	assert_string_equal(bad->field_violations[0]->description, "the table is full");
	google__rpc__bad_request__free_unpacked(bad, NULL);
	quota = detail(whole, 2, "QuotaFailure", google__rpc__quota_failure__unpack);
	assert_int_equal(quota->n_violations, 1);
	assert_string_equal(quota->violations[0]->subject, "marks");
	assert_string_equal(quota->violations[0]->description, "the table is full");
	google__rpc__quota_failure__free_unpacked(quota, NULL);
	retry = detail(whole, 3, "RetryInfo", google__rpc__retry_info__unpack);
	assert_int_equal(retry->retry_delay->seconds, 2);
	assert_int_equal(retry->retry_delay->nanos, 500000000);
	google__rpc__retry_info__free_unpacked(retry, NULL);
	google__rpc__status__free_unpacked(whole, NULL);
}

/* Everything as long as it can be, in characters of three octets: all four details are there,
 * whole and valid. */
static void longest(void **state)
{
	struct rpc_status status = {.code = 3, .retry_after_ms = INT64_MAX};
	static char text[1024];
	Google__Rpc__Status *whole;
	Google__Rpc__ErrorInfo *info;

	(void)state;
	for (size_t i = 0; i + 3 < sizeof(text); i += 3)
		memcpy(text + i, "\xE2\x82\xAC", 3);
	rpc_status_set(&status, 3, text, "%s", text);
	for (int i = 0; i < RPC_STATUS_METADATA + 1; i++)
		rpc_status_add(&status, text, "%s", text);
	memcpy(status.field, text, sizeof(status.field) - 1);
	memcpy(status.quota_subject, text, sizeof(status.quota_subject) - 1);
	whole = packed(&status);
	assert_int_equal(whole->n_details, 4);
	assert_true(text_valid(whole->message, strlen(whole->message)));
	assert_int_equal(strlen(whole->message), 318);
	info = detail(whole, 0, "ErrorInfo", google__rpc__error_info__unpack);
	assert_int_equal(info->n_metadata, RPC_STATUS_METADATA);
	for (int i = 0; i < RPC_STATUS_METADATA; i++)
		assert_true(
			text_valid(info->metadata[i]->value, strlen(info->metadata[i]->value)));
	google__rpc__error_info__free_unpacked(info, NULL);
	google__rpc__status__free_unpacked(whole, NULL);
}

/* Texts of clients get into messages. */
static void invalid_text(void **state)
{
	struct rpc_status status = {.code = 0};
	Google__Rpc__Status *whole;

	(void)state;
	rpc_status_set(&status, 12, "UNKNOWN_METHOD", "no method /\xFF\xFE");
	whole = packed(&status);
	assert_string_equal(whole->message, "no method /?"
					    "?");
	google__rpc__status__free_unpacked(whole, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),
		cmocka_unit_test(every_detail),
		cmocka_unit_test(longest),
		cmocka_unit_test(invalid_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
