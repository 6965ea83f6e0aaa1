/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "service/result.h"
#include "service/service.h"

/* What a client takes unless told otherwise. */
#define RECEIVE_MAX (4 * 1024 * 1024)

/* Octets of an answer in which the longest that can be said is said of every update. */
static size_t largest_answer(struct engine_update *updates, size_t n)
{
	Waymark__V1__ApplyMarksResponse response = WAYMARK__V1__APPLY_MARKS_RESPONSE__INIT;
	struct result_list list = {.n = 0};
	size_t size;

	assert_int_equal(result_list_init(&list, n), 0);
	result_list_fill(&list, updates, n, false);
	assert_int_equal(list.n, n);
	response.results = list.messages;
	response.n_results = list.n;
	size = waymark__v1__apply_marks_response__get_packed_size(&response);
	result_list_done(&list);
	return size;
}

static void test_answers_fit(void **state)
{
	struct engine_update *updates = calloc(SERVICE_UPDATES_MAX, sizeof(*updates));
	struct fault fault;

	(void)state;
	assert_non_null(updates);
	fault_set(&fault, FAULT_UNAVAILABLE, FAULT_REASON_REVISION_MISMATCH, NULL, "%s", "");
	memset(fault.field, 'x', sizeof(fault.field) - 1);
	memset(fault.message, 'x', sizeof(fault.message) - 1);
	fault.field[sizeof(fault.field) - 1] = fault.message[sizeof(fault.message) - 1] = '\0';
	for (size_t i = 0; i < SERVICE_UPDATES_MAX; i++)
		updates[i].fault = &fault;
	/* Leaves room for the header. */
	assert_in_range(largest_answer(updates, SERVICE_UPDATES_MAX), RECEIVE_MAX / 2,
			RECEIVE_MAX - 4096);
	for (size_t i = 0; i < SERVICE_UPDATES_MAX; i++)
		updates[i] = (struct engine_update){.outcome = OUTCOME_REMOVED,
						    .revision = UINT64_MAX,
						    .counters = {UINT64_MAX, UINT64_MAX}};
	assert_in_range(largest_answer(updates, SERVICE_UPDATES_MAX), 0, RECEIVE_MAX - 4096);
	free(updates);
}

static void test_as_many_failures_as_there_is_room_for(void **state)
{
	struct fault fault;
	struct engine_update updates[10] = {{.outcome = OUTCOME_CREATED}};
	struct result_list list = {.n = 0};

	(void)state;
	fault_set(&fault, FAULT_NOT_FOUND, FAULT_REASON_LEASE, "lease_id", "no lease 7");
	updates[2].fault = updates[5].fault = updates[9].fault = &fault;
	assert_int_equal(result_list_init(&list, 2), 0);
	result_list_fill(&list, updates, 10, true);
	assert_int_equal(list.n, 2);
	assert_int_equal(list.messages[0]->index, 2);
	assert_int_equal(list.messages[1]->index, 5);
	assert_int_equal(list.messages[1]->error->code, FAULT_NOT_FOUND);
	assert_string_equal(list.messages[1]->error->reason, "LEASE");
	assert_string_equal(list.messages[1]->error->message, "no lease 7");
	result_list_done(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers_fit),
		cmocka_unit_test(test_as_many_failures_as_there_is_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
