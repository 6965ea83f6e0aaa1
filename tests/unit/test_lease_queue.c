/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "core/lease_queue.h"

enum { COUNT = 2000 };

static struct lease *make(int64_t deadline)
{
	struct lease *lease = calloc(1, sizeof(*lease));

	assert_non_null(lease);
	lease->deadline = deadline;
	return lease;
}

/* Takes all out; they must come in the order of their deadlines. */
static size_t drain(struct lease_queue *queue)
{
	int64_t before = INT64_MIN;
	struct lease *lease;
	size_t n = 0;

	for (; (lease = lease_queue_first(queue)); n++) {
		assert_true(lease->deadline >= before);
		before = lease->deadline;
		lease_queue_remove(queue, lease);
		free(lease);
	}
	return n;
}

static void test_empty(void **state)
{
	struct lease_queue queue = {.n = 0};

	(void)state;
	assert_null(lease_queue_first(&queue));
	lease_queue_done(&queue);
}

static void test_order(void **state)
{
	struct lease_queue queue = {.n = 0};

	(void)state;
	srandom(1);
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(lease_queue_add(&queue, make(random() % 500)), 0);
	assert_int_equal(drain(&queue), COUNT);
	lease_queue_done(&queue);
}

/* Random renewals and removals in between keep the order. */
static void test_churn(void **state)
{
	struct lease_queue queue = {.n = 0};
	size_t left = COUNT;

	(void)state;
	srandom(2);
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(lease_queue_add(&queue, make(random() % 100000)), 0);
	for (int i = 0; i < 20 * COUNT; i++) {
		struct lease *lease = queue.heap[(size_t)random() % queue.n];

		if (i % 40 == 0) {
			lease_queue_remove(&queue, lease);
			free(lease);
			left--;
		} else {
			lease_queue_renew(&queue, lease, random() % 100000);
		}
		for (size_t j = 0; i % 1000 == 0 && j < queue.n; j++)
			assert_int_equal(queue.heap[j]->place, j);
	}
	assert_int_equal(drain(&queue), left);
	lease_queue_done(&queue);
}

static void test_renewed_one_goes_back(void **state)
{
	struct lease_queue queue = {.n = 0};
	struct lease *first = make(10), *second = make(20);

	(void)state;
	lease_queue_add(&queue, second);
	lease_queue_add(&queue, first);
	assert_ptr_equal(lease_queue_first(&queue), first);
	lease_queue_renew(&queue, first, 30);
	assert_ptr_equal(lease_queue_first(&queue), second);
	lease_queue_done(&queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_churn),
		cmocka_unit_test(test_renewed_one_goes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
