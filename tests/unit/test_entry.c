/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "datapath/entry.h"

static const struct match samples[] = {
	{.kind = MARK_FLOW,
	 .destination = {1, 2},
	 .source = {3, 4},
	 .source_port = 4000,
	 .destination_port = 5000,
	 .protocol = 6,
	 .prefix_length = 128},
	{.kind = MARK_ENDPOINT,
	 .destination = {1, 2},
	 .destination_port = 1,
	 .protocol = 17,
	 .prefix_length = 128},
	{.kind = MARK_HOST, .destination = {[15] = 1}, .prefix_length = 128},
	{.kind = MARK_NETWORK, .prefix_length = 0},
	{.kind = MARK_NETWORK, .destination = {0x20, 1}, .prefix_length = 16},
	{.kind = MARK_NETWORK, .destination = {[15] = 1}, .prefix_length = 128},
};

#define SAMPLES (sizeof(samples) / sizeof(*samples))

static void entries_say_what_they_were_made_of(void **state)
{
	static const uint32_t slots[] = {1, 77, ENTRY_SLOT_MASK};

	(void)state;
	for (size_t i = 0; i < SAMPLES; i++)
		for (size_t j = 0; j < 3; j++) {
			struct entry entry = entry_make(&samples[i], slots[j]);
			struct match match;
			uint32_t slot;

			assert_true(entry_read(&entry, &match, &slot));
			assert_memory_equal(&match, &samples[i], sizeof(match));
			assert_int_equal(slot, slots[j]);
		}
}

static void no_bit_can_be_changed_unnoticed(void **state)
{
	struct match match = {.kind = 99};
	uint32_t slot = 99;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct entry entry = entry_make(&samples[i], 5);

		for (unsigned bit = 0; bit < 8 * sizeof(entry.key); bit++) {
			uint8_t *octet = (uint8_t *)&entry.key + bit / 8;

			*octet ^= 1 << bit % 8;
			assert_false(entry_read(&entry, &match, &slot));
			*octet ^= 1 << bit % 8;
		}
		for (unsigned bit = 0; bit < 64; bit++) {
			entry.value ^= 1ull << bit;
			assert_false(entry_read(&entry, &match, &slot));
			entry.value ^= 1ull << bit;
		}
	}
	assert_int_equal(match.kind, 99);
	assert_int_equal(slot, 99);
}

static void prefixes_say_their_length(void **state)
{
	struct entry entry = entry_make(&samples[4], 5);
	struct match match;
	uint32_t slot;

	(void)state;
	assert_true(entry.value == (16 << ENTRY_LENGTH_SHIFT | 5));
	entry.key.prefix.length++;
	assert_false(entry_read(&entry, &match, &slot));
}

static void slot_0_is_none(void **state)
{
	struct match match;
	uint32_t slot;

	(void)state;
	for (size_t i = 0; i < SAMPLES; i++) {
		struct entry entry = entry_make(&samples[i], 0);

		assert_false(entry_read(&entry, &match, &slot));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_say_what_they_were_made_of),
		cmocka_unit_test(no_bit_can_be_changed_unnoticed),
		cmocka_unit_test(prefixes_say_their_length),
		cmocka_unit_test(slot_0_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
