/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "datapath/shared.h"
#include "datapath/slots.h"

#define COUNT 100
#define SECOND SHARED_GRACE_NS

static struct slots slots;

static int make_slots(void **state)
{
	(void)state;
	return slots_init(&slots, COUNT);
}

static int drop_slots(void **state)
{
	(void)state;
	slots_done(&slots);
	return 0;
}

/* Takes every slot; fails if one comes twice or is none. */
static void take_all(uint64_t now)
{
	bool taken[COUNT] = {true};

	for (uint32_t i = 1; i < COUNT; i++) {
		uint32_t slot = slots_take(&slots, now);

		assert_in_range(slot, 1, COUNT - 1);
		assert_false(taken[slot]);
		taken[slot] = true;
	}
}

static void every_slot_comes_once_and_never_slot_0(void **state)
{
	(void)state;
	take_all(0);
	assert_int_equal(slots_take(&slots, 0), 0);
}

static void a_freed_slot_rests(void **state)
{
	(void)state;
	take_all(0);
	slots_put(&slots, 5, 10);
	assert_int_equal(slots_take(&slots, 10), 0);
	assert_int_equal(slots_take(&slots, 9 + SECOND), 0);
	assert_int_equal(slots_take(&slots, 10 + SECOND), 5);
	assert_int_equal(slots_take(&slots, 10 + SECOND), 0);
}

static void nobody_rests_twice_as_long(void **state)
{
	(void)state;
	take_all(0);
	slots_put(&slots, 5, 0);
	assert_int_equal(slots_take(&slots, 1), 0);
	for (uint32_t slot = 6; slot < 16; slot++)
		slots_put(&slots, slot, (slot - 5) * SECOND / 10);
	assert_int_equal(slots_take(&slots, SECOND), 5);
	assert_int_equal(slots_take(&slots, SECOND), 0);
	for (uint32_t slot = 6; slot < 16; slot++)
		assert_in_range(slots_take(&slots, 2 * SECOND), 6, 15);
}

static void a_slot_that_nobody_saw_comes_back_at_once(void **state)
{
	uint32_t slot;

	(void)state;
	take_all(0);
	slots_untake(&slots, 7);
	slots_untake(&slots, 8);
	slot = slots_take(&slots, 0);
	assert_in_range(slot, 7, 8);
	assert_int_equal(slots_take(&slots, 0), 15 - slot);
	assert_int_equal(slots_take(&slots, 0), 0);
}

static void waking_ends_every_rest(void **state)
{
	(void)state;
	take_all(0);
	for (uint32_t slot = 1; slot < COUNT; slot++)
		slots_put(&slots, slot, slot * SECOND / COUNT);
	slots_wake(&slots);
	take_all(SECOND - 1);
	assert_int_equal(slots_take(&slots, SECOND - 1), 0);
}

/* Whatever order they went in: those that are taken together are neighbours. */
static void the_lowest_comes_first(void **state)
{
	(void)state;
	take_all(0);
	for (uint32_t slot = COUNT - 1; slot >= 60; slot--)
		slots_put(&slots, slot, 0);
	for (uint32_t slot = 10; slot < 20; slot++)
		slots_untake(&slots, slot);
	for (uint32_t slot = 10; slot < 15; slot++)
		assert_int_equal(slots_take(&slots, 0), slot);
	slots_untake(&slots, 12);
	assert_int_equal(slots_take(&slots, 0), 12);
	slots_wake(&slots);
	for (uint32_t slot = 15; slot < 20; slot++)
		assert_int_equal(slots_take(&slots, 0), slot);
	for (uint32_t slot = 60; slot < COUNT; slot++)
		assert_int_equal(slots_take(&slots, 0), slot);
	assert_int_equal(slots_take(&slots, 0), 0);
}

/* Against a model: a slot comes only if it is free and has rested, and none is lost. */
static void random_use(void **state)
{
	enum { FREE, USED, RESTING } of[COUNT] = {USED};
	uint64_t put_at[COUNT] = {0}, now = 0;

	(void)state;
	srandom(1);
	for (int i = 0; i < 300000; i++) {
		uint32_t slot = (uint32_t)random() % COUNT;

		now += (uint64_t)random() % (SECOND / 50);
		if (slot && of[slot] == USED && random() % 2) {
			bool seen = random() % 4;

			if (seen)
				slots_put(&slots, slot, now);
			else
				slots_untake(&slots, slot);
			of[slot] = seen ? RESTING : FREE;
			put_at[slot] = now;
			continue;
		}
		slot = slots_take(&slots, now);
		if (!slot)
			continue;
		assert_true(slot < COUNT && of[slot] != USED);
		assert_true(of[slot] == FREE || now - put_at[slot] >= SECOND);
		of[slot] = USED;
	}
	for (uint32_t slot = 1; slot < COUNT; slot++)
		if (of[slot] == USED)
			slots_put(&slots, slot, now);
	take_all(now + 2 * SECOND);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_slots, drop_slots)

static void slots_in_use_are_adopted(void **state)
{
	const uint8_t in_use[COUNT] = {[3] = 1, [7] = 1, [COUNT - 1] = 1};

	(void)state;
	slots_adopt(&slots, in_use, 10);
	assert_int_equal(slots_take(&slots, 9 + SECOND), 0);
	for (int i = 0; i < COUNT - 1 - 3; i++) {
		uint32_t slot = slots_take(&slots, 10 + 2 * SECOND);

		assert_in_range(slot, 1, COUNT - 2);
		assert_int_not_equal(slot, 3);
		assert_int_not_equal(slot, 7);
	}
	assert_int_equal(slots_take(&slots, 10 + 3 * SECOND), 0);
	slots_put(&slots, 7, 20 + 3 * SECOND);
	assert_int_equal(slots_take_waiting(&slots, 20 + 3 * SECOND), 7);
	assert_int_equal(slots_take_waiting(&slots, 20 + 3 * SECOND), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_slot_comes_once_and_never_slot_0),
		TEST(a_freed_slot_rests),
		TEST(nobody_rests_twice_as_long),
		TEST(a_slot_that_nobody_saw_comes_back_at_once),
		TEST(waking_ends_every_rest),
		TEST(the_lowest_comes_first),
		TEST(random_use),
		cmocka_unit_test_setup_teardown(slots_in_use_are_adopted, make_slots,
						drop_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
