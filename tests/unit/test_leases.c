/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "core/leases.h"

enum { COUNT = 2000 };

static struct lease *make(int64_t deadline)
{
	struct lease *lease = calloc(1, sizeof(*lease));

	assert_non_null(lease);
	lease->deadline = deadline;
	return lease;
}

/* Takes all out; they must come in the order of their deadlines. */
static size_t drain(struct leases *leases)
{
	int64_t before = INT64_MIN;
	struct lease *lease;
	size_t n = 0;

	for (; (lease = leases_first(leases)); n++) {
		assert_true(lease->deadline >= before);
		before = lease->deadline;
		leases_remove(leases, lease);
		free(lease);
	}
	return n;
}

static void test_empty(void **state)
{
	struct leases leases = {.n = 0};

	(void)state;
	assert_null(leases_first(&leases));
	leases_done(&leases);
}

static void test_order(void **state)
{
	struct leases leases = {.n = 0};

	(void)state;
	srandom(1);
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(leases_add(&leases, make(random() % 500)), 0);
	assert_int_equal(drain(&leases), COUNT);
	leases_done(&leases);
}

/* Random renewals and removals in between keep the order. */
static void test_churn(void **state)
{
	struct leases leases = {.n = 0};
	size_t left = COUNT;

	(void)state;
	srandom(2);
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(leases_add(&leases, make(random() % 100000)), 0);
	for (int i = 0; i < 20 * COUNT; i++) {
		struct lease *lease = leases.heap[(size_t)random() % leases.n];

		if (i % 40 == 0) {
			leases_remove(&leases, lease);
			free(lease);
			left--;
		} else {
			leases_renew(&leases, lease, random() % 100000);
		}
		for (size_t j = 0; i % 1000 == 0 && j < leases.n; j++)
			assert_int_equal(leases.heap[j]->place, j);
	}
	assert_int_equal(drain(&leases), left);
	leases_done(&leases);
}

static void test_renewed_one_goes_back(void **state)
{
	struct leases leases = {.n = 0};
	struct lease *first = make(10), *second = make(20);

	(void)state;
	leases_add(&leases, second);
	leases_add(&leases, first);
	assert_ptr_equal(leases_first(&leases), first);
	leases_renew(&leases, first, 30);
	assert_ptr_equal(leases_first(&leases), second);
	leases_done(&leases);
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
