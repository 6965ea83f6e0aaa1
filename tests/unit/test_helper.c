/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

#include "datapath/helper.h"

enum { PIECES_MAX = 64, RUNS = 20000 };

/* Not atomic: each piece is done once, and what is done is seen by whoever asked. */
static unsigned int done[PIECES_MAX];

static void count(void *user, size_t piece)
{
	assert_ptr_equal(user, done);
	done[piece]++;
}

static void check_run(struct helper *helper, size_t n)
{
	memset(done, 0, sizeof(done));
	helper_begin(helper, count, done, n);
	helper_finish(helper);
	for (size_t i = 0; i < PIECES_MAX; i++)
		assert_int_equal(done[i], i < n);
}

static void does_every_piece_once(void **state)
{
	struct helper helper = {.runs = false};

	(void)state;
	assert_int_equal(helper_start(&helper), 0);
	for (size_t i = 0; i < RUNS; i++)
		check_run(&helper, i % (PIECES_MAX + 1));
	helper_stop(&helper);
	assert_false(helper.runs);
}

static void does_all_itself_without_a_thread(void **state)
{
	struct helper helper = {.runs = false};

	(void)state;
	check_run(&helper, PIECES_MAX);
	helper_stop(&helper);
}

/* Two pieces that wait for each other cannot be one thread's. */
static void meet(void *user, size_t piece)
{
	(void)piece;
	pthread_barrier_wait(user);
}

static void works_on_two_pieces_at_a_time(void **state)
{
	struct helper helper = {.runs = false};
	pthread_barrier_t barrier;

	(void)state;
	assert_int_equal(helper_start(&helper), 0);
	if (!helper.runs)
		skip(); /* a single processor */
	pthread_barrier_init(&barrier, NULL, 2);
	for (int i = 0; i < 100; i++) {
		helper_begin(&helper, meet, &barrier, 2);
		helper_finish(&helper);
	}
	helper_stop(&helper);
	pthread_barrier_destroy(&barrier);
}

static void has_no_thread_on_a_single_processor(void **state)
{
	struct helper helper = {.runs = false};
	cpu_set_t all, one;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	CPU_ZERO(&one);
	for (int i = 0; CPU_COUNT(&one) == 0; i++)
		if (CPU_ISSET(i, &all))
			CPU_SET(i, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(helper_start(&helper), 0);
	assert_false(helper.runs);
	check_run(&helper, PIECES_MAX);
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(does_every_piece_once),
		cmocka_unit_test(does_all_itself_without_a_thread),
		cmocka_unit_test(works_on_two_pieces_at_a_time),
		cmocka_unit_test(has_no_thread_on_a_single_processor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
