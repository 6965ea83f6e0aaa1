/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "now.h"
#include "service/rate.h"
#include "service/service.h"

#define START (1000 * NANOSECONDS)
#define PER_SECOND 10
#define INTERVAL (NANOSECONDS / PER_SECOND)

static struct rate *new_rate(void)
{
	struct rate *rate;

	assert_int_equal(rate_new(PER_SECOND, &rate), 0);
	return rate;
}

/* Takes as many tokens as there are. */
static unsigned int drink(struct rate *rate, const char *identity, int64_t now)
{
	unsigned int n = 0;

	while (rate_take(rate, identity, now) == 0)
		n++;
	return n;
}

static void a_second_at_once_then_by_and_by(void **state)
{
	struct rate *rate = new_rate();

	(void)state;
	assert_int_equal(drink(rate, "cn:a", START), PER_SECOND);
	/* It says when to come again, and keeps its word. */
	assert_int_equal(rate_take(rate, "cn:a", START), INTERVAL);
	assert_int_equal(rate_take(rate, "cn:a", START + INTERVAL - 1), 1);
	assert_int_equal(rate_take(rate, "cn:a", START + INTERVAL), 0);
	assert_int_equal(drink(rate, "cn:a", START + 4 * INTERVAL), 3);
	/* A long pause earns no more than a full bucket. */
	assert_int_equal(drink(rate, "cn:a", START + 3600 * NANOSECONDS), PER_SECOND);
	rate_free(rate);
}

static void each_has_its_own(void **state)
{
	struct rate *rate = new_rate();

	(void)state;
	assert_int_equal(drink(rate, "cn:a", START), PER_SECOND);
	assert_int_equal(drink(rate, "cn:b", START), PER_SECOND);
	assert_int_equal(drink(rate, "", START), PER_SECOND);
	assert_int_equal(drink(rate, "cn:a", START), 0);
	rate_free(rate);
}

static void it_may_change(void **state)
{
	struct rate *rate = new_rate();

	(void)state;
	assert_int_equal(drink(rate, "cn:a", START), PER_SECOND);
	rate_set(rate, 10 * PER_SECOND);
	assert_int_equal(drink(rate, "cn:a", START + NANOSECONDS), 10 * PER_SECOND);
	rate_free(rate);
}

/* Of many identities those go that have been silent; whoever calls keeps its empty bucket. */
static void newcomers_do_not_fill_anothers_bucket(void **state)
{
	struct rate *rate = new_rate();
	int64_t now = START;
	char name[32];

	(void)state;
	assert_int_equal(drink(rate, "cn:busy", now), PER_SECOND);
	for (unsigned int i = 0; i < 4 * SERVICE_IDENTITIES; i++) {
		snprintf(name, sizeof(name), "cn:%u", i);
		assert_int_equal(rate_take(rate, name, now), 0);
		assert_true(rate_take(rate, "cn:busy", now) > 0);
	}
	rate_free(rate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_at_once_then_by_and_by),
		cmocka_unit_test(each_has_its_own),
		cmocka_unit_test(it_may_change),
		cmocka_unit_test(newcomers_do_not_fill_anothers_bucket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
