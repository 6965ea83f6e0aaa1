/* SPDX-License-Identifier: Apache-2.0 */
/* An agent goes, its marks stay, and the next one takes them over. */
#include "check.h"

#include <bpf/bpf.h>
#include <pthread.h>
#include <stdatomic.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "datapath/state.h"
#include "marks.h"
#include "pinned.h"

#define KINDS 4
#define KEPT 40 /* packets so far when the first agent goes */

/* HOST n + 1 for kind n + 1, far enough from each other for the prefixes. */
static struct match matches[KINDS];
static uint32_t slots[KINDS], old_lease;

static int64_t later(void)
{
	struct timespec time;

	clock_gettime(CLOCK_BOOTTIME, &time);
	return ((int64_t)time.tv_sec + 3600) * 1000000000;
}

static int leave_marks(void **state)
{
	(void)state;
	pinned_open();
	assert_int_equal(datapath_lease_take(pinned.datapath, &old_lease), 0);
	datapath_lease_set(pinned.datapath, old_lease, later());
	pinned_keep_program();
	for (uint32_t i = 0; i < KINDS; i++) {
		matches[i] = marks_match(MARK_FLOW + i, 16 * i);
		slots[i] = marks_add(pinned.datapath, &matches[i], i + 1, old_lease);
		for (uint32_t packet = 0; packet < KEPT; packet++)
			assert_int_equal(marks_label(pinned.program, 16 * i), i + 1);
	}
	pinned_close();
	return 0;
}

static void expect_marked(void)
{
	for (uint32_t i = 0; i < KINDS; i++)
		assert_int_equal(marks_label(pinned.program, 16 * i), i + 1);
}

/* Counts in user which of the marks were found, each once and with its slot. */
static int find(const struct match *match, uint32_t slot, void *user)
{
	unsigned *found = user;

	for (uint32_t i = 0; i < KINDS; i++)
		if (!memcmp(match, &matches[i], sizeof(*match))) {
			assert_int_equal(slot, slots[i]);
			assert_false(*found & 1u << i);
			*found |= 1u << i;
			return 0;
		}
	fail_msg("a match that nobody has made");
	return 0;
}

static unsigned found(void)
{
	unsigned bits = 0;

	assert_int_equal(datapath_each_pinned(pinned.datapath, find, &bits), 0);
	return bits;
}

static void claim_all(uint32_t lease)
{
	for (uint32_t i = 0; i < KINDS; i++) {
		const struct mark_action action = marks_raw(i + 1);

		assert_int_equal(
			datapath_claim(pinned.datapath, &matches[i], slots[i], &action, lease),
			0);
	}
}

static void marks_are_in_force_without_an_agent(void **state)
{
	(void)state;
	expect_marked();
	assert_int_equal(marks_label(pinned.program, 200), 0);
}

static void the_next_agent_takes_everything_over(void **state)
{
	uint32_t lease;

	(void)state;
	expect_marked();
	pinned_open();
	expect_marked();
	assert_int_equal(datapath_fill(pinned.datapath).marks, 3);
	assert_int_equal(datapath_fill(pinned.datapath).networks, 1);
	assert_int_equal(datapath_audit(pinned.datapath, NULL, 0),
			 0); /* also the writer is new */
	assert_int_equal(found(), 15);
	assert_int_equal(datapath_lease_take(pinned.datapath, &lease), 0);
	claim_all(lease);
	assert_int_equal(found(), 0);
	expect_marked();
	for (uint32_t i = 0; i < KINDS; i++) {
		struct traffic_count count = datapath_counters(pinned.datapath, slots[i]);

		assert_int_equal(count.packets, KEPT + 3);
		assert_int_equal(count.bytes, (KEPT + 3) * MARKS_FRAME_BYTES);
	}
	assert_int_equal(datapath_marked(pinned.datapath).packets, KINDS * (KEPT + 3));
	datapath_lease_set(pinned.datapath, lease, 0);
	for (uint32_t i = 0; i < KINDS; i++)
		assert_int_equal(marks_label(pinned.program, 16 * i), 0);
}

static void slots_and_leases_in_use_are_not_given_away(void **state)
{
	uint32_t lease;

	(void)state;
	pinned_open();
	for (uint32_t i = 0; i < 800; i++) {
		struct match match = marks_match(MARK_HOST, 1000 + i);
		uint32_t slot = marks_add(pinned.datapath, &match, 99, 0);

		for (uint32_t kind = 0; kind < KINDS; kind++)
			assert_int_not_equal(slot, slots[kind]);
		assert_int_equal(datapath_lease_take(pinned.datapath, &lease), 0);
		assert_int_not_equal(lease, old_lease);
	}
	expect_marked();
}

static void the_old_lease_comes_free_with_its_last_mark(void **state)
{
	uint32_t lease, taken = 0;

	(void)state;
	pinned_open();
	claim_all(0);
	while (datapath_lease_take(pinned.datapath, &lease) == 0)
		taken += lease == old_lease;
	assert_int_equal(taken, 1);
	expect_marked();
}

static void what_is_not_claimed_can_be_removed(void **state)
{
	(void)state;
	pinned_open();
	for (uint32_t i = 0; i < KINDS; i++) {
		struct datapath_change change = marks_remove(&matches[i], slots[i]);

		assert_int_equal(datapath_apply(pinned.datapath, &change, 1), 0);
		assert_int_equal(change.counters.packets, KEPT);
		assert_int_equal(marks_label(pinned.program, 16 * i), 0);
	}
	assert_int_equal(datapath_fill(pinned.datapath).marks, 0);
	assert_int_equal(datapath_fill(pinned.datapath).networks, 0);
	assert_int_equal(found(), 0);
}

static void false_claims_are_refused(void **state)
{
	const struct mark_action action = marks_raw(9);

	(void)state;
	pinned_open();
	assert_int_equal(datapath_claim(pinned.datapath, &matches[0], 0, &action, 0), -EINVAL);
	assert_int_equal(datapath_claim(pinned.datapath, &matches[0], slots[1], &action, 0),
			 -EINVAL);
	assert_int_equal(datapath_claim(pinned.datapath, &matches[0], UINT32_MAX, &action, 0),
			 -EINVAL);
	claim_all(0);
	assert_int_equal(datapath_claim(pinned.datapath, &matches[0], slots[0], &action, 0),
			 -EEXIST);
	expect_marked();
}

static void the_filter_goes_on(void **state)
{
	struct match shorter = marks_match(MARK_NETWORK, 1 << 20);

	(void)state;
	shorter.prefix_length = 100;
	shorter.destination[12] &= 0xF0;
	pinned_open();
	claim_all(0);
	marks_add(pinned.datapath, &shorter, 50, 0);
	expect_marked();
	assert_int_equal(marks_label(pinned.program, 1 << 20), 50);
	do
		assert_int_equal(datapath_apply(pinned.datapath, NULL, 0), 0);
	while (pinned.datapath->filter.stale);
	expect_marked();
	assert_int_equal(marks_label(pinned.program, 1 << 20), 50);
}

static atomic_bool over;

static void *keep_sending(void *user)
{
	uint64_t *wrong = user;

	while (!atomic_load(&over))
		for (uint32_t i = 0; i < KINDS; i++)
			*wrong += marks_label(pinned.program, 16 * i) != i + 1;
	return NULL;
}

static void no_packet_goes_unmarked_meanwhile(void **state)
{
	uint64_t wrong = 0;
	pthread_t sender;

	(void)state;
	pinned_open();
	for (uint32_t i = 0; i < 800; i++) {
		struct match match = marks_match(MARK_HOST, 1000 + i);

		marks_add(pinned.datapath, &match, 99, 0);
	}
	pinned_close();
	atomic_store(&over, false);
	assert_int_equal(pthread_create(&sender, NULL, keep_sending, &wrong), 0);
	for (int round = 0; round < (int)pinned_rounds(20); round++) {
		pinned_open();
		claim_all(0);
		assert_int_equal(datapath_apply(pinned.datapath, NULL, 0), 0);
		pinned_close();
	}
	atomic_store(&over, true);
	pthread_join(sender, NULL);
	assert_int_equal(wrong, 0);
}

static void put_raw(const char *map, const void *key, uint64_t value)
{
	int fd = bpf_obj_get(pinned_map(map));

	assert_true(fd >= 0);
	assert_int_equal(bpf_map_update_elem(fd, key, &value, BPF_ANY), 0);
	close(fd);
}

/* Somebody was at them while no agent ran. */
static void shared_words_are_put_right(void **state)
{
	uint32_t words;

	(void)state;
	pinned_open();
	words = pinned.datapath->filter.buckets / FILTER_BUCKETS_PER_WORD;
	pinned.datapath->maps.common->kinds = 0;
	pinned.datapath->maps.common->shortest_prefix = 200;
	pinned_close();
	for (uint32_t i = 0; i < words; i++)
		put_raw("filter", &i, 0);
	assert_int_equal(marks_label(pinned.program, 16), 0);
	pinned_open();
	expect_marked();
	assert_int_equal(marks_label(pinned.program, 16 * 3 + 5),
			 4); /* not the prefix itself */
}

/* Not of ours, or of a slot that another has. */
static void what_no_agent_made_is_removed(void **state)
{
	struct exact_key key = {.destination = {1}};
	struct prefix_key prefix = {.length = 8, .destination = {1}};

	(void)state;
	put_raw("matches", &key, 77);
	key.destination[0]++;
	put_raw("matches", &key, entry_tagged(&key, 0));
	key.destination[0]++;
	put_raw("matches", &key, entry_tagged(&key, ENTRY_SLOT_MASK));
	key.destination[0]++;
	key.padding[1] = 1;
	put_raw("matches", &key, entry_tagged(&key, 700));
	put_raw("networks", &prefix, 9u << ENTRY_LENGTH_SHIFT | 701);
	prefix.destination[0]++;
	put_raw("networks", &prefix, 8u << ENTRY_LENGTH_SHIFT | slots[0]);
	pinned_open();
	assert_int_equal(datapath_fill(pinned.datapath).marks, 3);
	assert_int_equal(datapath_fill(pinned.datapath).networks, 1);
	assert_int_equal(found(), 15);
	expect_marked();
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, leave_marks, pinned_clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(marks_are_in_force_without_an_agent),
		TEST(the_next_agent_takes_everything_over),
		TEST(slots_and_leases_in_use_are_not_given_away),
		TEST(the_old_lease_comes_free_with_its_last_mark),
		TEST(what_is_not_claimed_can_be_removed),
		TEST(false_claims_are_refused),
		TEST(the_filter_goes_on),
		TEST(no_packet_goes_unmarked_meanwhile),
		TEST(shared_words_are_put_right),
		TEST(what_no_agent_made_is_removed),
	};

	return cmocka_run_group_tests(tests, pinned_mount, NULL);
}
