/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's datapath against the running kernel: marks go in by datapath_apply(), packets
 * go through the program that it loaded.
 */
#include "check.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "datapath/shared.h"
#include "datapath/state.h"
#include "marks.h"

#define LOOPBACK 1 /* the interface of a test run */

static struct datapath *datapath;

static int open_datapath(void **state)
{
	(void)state;
	datapath = marks_open(900, 4);
	return 0;
}

static int close_datapath(void **state)
{
	(void)state;
	datapath_close(datapath);
	return 0;
}

static uint32_t label_to(uint32_t host)
{
	return marks_label(datapath_program(datapath, true), host);
}

static void life_of(enum mark_kind kind)
{
	struct match match = marks_match(kind, 16);
	struct datapath_change change = marks_insert(&match, 0x11111);

	change.counters = (struct traffic_count){1000, 70000};
	assert_int_equal(label_to(16), 0);
	assert_int_equal(datapath_apply(datapath, &change, 1), 0);
	assert_int_equal(label_to(16), 0x11111);
	assert_int_equal(label_to(24), 0);

	change.verb = DATAPATH_REWRITE;
	change.action = marks_raw(0x22222);
	assert_int_equal(datapath_apply(datapath, &change, 1), 0);
	assert_int_equal(label_to(16), 0x22222);
	assert_int_equal(datapath_counters(datapath, change.slot).packets, 1002);

	change.verb = DATAPATH_REMOVE;
	assert_int_equal(datapath_apply(datapath, &change, 1), 0);
	assert_int_equal(label_to(16), 0);
	assert_int_equal(change.counters.packets, 1002);
	assert_int_equal(change.counters.bytes, 70000 + 2 * MARKS_FRAME_BYTES);
	assert_int_equal(datapath_fill(datapath).marks, 0);
	assert_int_equal(datapath_fill(datapath).networks, 0);
}

static void every_kind_comes_changes_and_goes(void **state)
{
	(void)state;
	for (int kind = MARK_FLOW; kind <= MARK_NETWORK; kind++)
		life_of(kind);
}

static void scitags_keep_to_their_bits(void **state)
{
	struct match match = marks_match(MARK_HOST, 1);
	struct datapath_change change = marks_insert(&match, 0);

	(void)state;
	change.action = (struct mark_action){
		.label = MARK_LABEL_SCITAG, .experiment = 3, .activity = 4};
	assert_int_equal(datapath_apply(datapath, &change, 1), 0);
	assert_int_equal(label_to(1) & LABEL_STRUCTURAL_MASK, 0x30010);
}

static void interfaces_count(void **state)
{
	struct match match = marks_match(MARK_HOST, 1);
	struct datapath_change change = marks_insert(&match, 5);
	struct interface_count count;

	(void)state;
	assert_int_equal(datapath_apply(datapath, &change, 1), 0);
	for (int i = 0; i < 3; i++)
		label_to(1);
	label_to(2);
	count = datapath_interface(datapath, LOOPBACK);
	assert_int_equal(count.seen, 4);
	assert_int_equal(count.no_match, 1);
	assert_int_equal(count.marked.packets, 3);
	assert_int_equal(count.marked.bytes, 3 * MARKS_FRAME_BYTES);
	assert_int_equal(datapath_marked(datapath).packets, 3);
	assert_int_equal(datapath_interface(datapath, LOOPBACK + 1).seen, 0);
	assert_int_equal(datapath_interface(datapath, INTERFACES).seen, 0);
}

/* n marks of HOSTs 0..n-1 with the label host + 1; in one call. */
#define MANY 1000
static struct match matches[MANY];
static struct datapath_change changes[MANY];

static int insert_many(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		matches[i] = marks_match(MARK_HOST, i);
		changes[i] = marks_insert(&matches[i], i + 1);
	}
	return datapath_apply(datapath, changes, n);
}

static void a_batch_too_many_fills_the_table(void **state)
{
	struct datapath_change change;

	(void)state;
	assert_int_equal(insert_many(MANY), -ENOSPC);
	for (uint32_t i = 0; i < MANY; i++) {
		assert_int_equal(changes[i].error, i < 900 ? 0 : -ENOSPC);
		assert_int_equal(label_to(i), i < 900 ? i + 1 : 0);
	}
	assert_int_equal(changes[950].slot, 0);
	assert_int_equal(datapath_fill(datapath).marks, 900);

	change = marks_remove(&matches[7], changes[7].slot);
	assert_int_equal(datapath_apply(datapath, &change, 1), 0);
	change = marks_insert(&matches[950], 951);
	assert_int_equal(datapath_apply(datapath, &change, 1), 0);
	assert_int_equal(label_to(950), 951);
	assert_int_equal(label_to(7), 0);
	assert_int_not_equal(change.slot, changes[7].slot); /* that one rests */
}

/* What has begun has ended once something else begins, or when that is asked for. */
static void changes_end_while_others_are_prepared(void **state)
{
	enum { PART = 400 };

	(void)state;
	for (uint32_t i = 0; i < MANY; i++) {
		matches[i] = marks_match(MARK_HOST, i);
		changes[i] = marks_insert(&matches[i], i + 1);
	}
	datapath_begin(datapath, changes, PART);
	datapath_begin(datapath, changes + PART, PART);
	for (uint32_t i = 0; i < PART; i++)
		assert_int_equal(label_to(i), i + 1);
	datapath_begin(datapath, changes + 2 * PART, MANY - 2 * PART); /* 100 too many */
	datapath_finish(datapath);
	for (uint32_t i = 0; i < MANY; i++) {
		assert_int_equal(changes[i].error, i < 900 ? 0 : -ENOSPC);
		assert_int_equal(label_to(i), i < 900 ? i + 1 : 0);
	}
	for (uint32_t i = 0; i < PART; i++)
		changes[i].verb = DATAPATH_REMOVE;
	assert_int_equal(datapath_apply(datapath, changes, PART), 0);
	for (uint32_t i = 0; i < PART; i++)
		assert_int_equal(label_to(i), 0);
	assert_int_equal(datapath_fill(datapath).marks, 900 - PART);
	datapath_finish(datapath); /* nothing has begun */
}

static void networks_have_a_capacity_of_their_own(void **state)
{
	struct match networks[5];
	struct datapath_change inserts[5];

	(void)state;
	for (uint32_t i = 0; i < 5; i++) {
		networks[i] = marks_match(MARK_NETWORK, i * 8);
		inserts[i] = marks_insert(&networks[i], i + 1);
	}
	assert_int_equal(datapath_apply(datapath, inserts, 5), -ENOSPC);
	assert_int_equal(inserts[4].error, -ENOSPC);
	assert_int_equal(datapath_fill(datapath).networks, 4);
	assert_int_equal(label_to(25), 4);
	assert_int_equal(label_to(33), 0);
}

/* Somebody put entries of his own into the map: the kernel is full before we are. */
static void what_the_kernel_refuses_leaves_no_trace(void **state)
{
	struct exact_key strange = {.protocol = 255};
	const uint64_t none = 0;
	uint32_t refused = 0;

	(void)state;
	for (strange.source_port = 0; strange.source_port < 20; strange.source_port++)
		assert_int_equal(
			bpf_map_update_elem(datapath->matches.fd, &strange, &none, BPF_ANY), 0);
	assert_int_equal(insert_many(900), -ENOSPC);
	for (uint32_t i = 0; i < 900; i++) {
		refused += changes[i].error == -ENOSPC;
		assert_int_equal(label_to(i), changes[i].error ? 0 : i + 1);
	}
	assert_int_equal(refused, 20);
	assert_int_equal(datapath_fill(datapath).marks, 880);
}

static void a_match_that_is_there_is_refused(void **state)
{
	struct match match = marks_match(MARK_HOST, 1);
	struct datapath_change first = marks_insert(&match, 5),
			       second = marks_insert(&match, 6);

	(void)state;
	assert_int_equal(datapath_apply(datapath, &first, 1), 0);
	assert_int_equal(datapath_apply(datapath, &second, 1), -EEXIST);
	assert_int_equal(label_to(1), 5);
	assert_int_equal(datapath_fill(datapath).marks, 1);
}

static void what_others_took_out_counts_as_removed(void **state)
{
	struct exact_key key = {0};

	(void)state;
	assert_int_equal(insert_many(100), 0);
	for (uint32_t i = 0; i < 100; i += 10) {
		memcpy(key.destination, matches[i].destination, 16);
		assert_int_equal(bpf_map_delete_elem(datapath->matches.fd, &key), 0);
	}
	for (uint32_t i = 0; i < 100; i++)
		changes[i].verb = DATAPATH_REMOVE;
	assert_int_equal(datapath_apply(datapath, changes, 100), 0);
	assert_int_equal(datapath_fill(datapath).marks, 0);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(label_to(i), 0);
}

/* A kernel without batches: each key goes alone. */
static void batches_are_not_needed(void **state)
{
	(void)state;
	datapath->matches.batches = false;
	assert_int_equal(insert_many(MANY), -ENOSPC);
	for (uint32_t i = 0; i < MANY; i++)
		assert_int_equal(label_to(i), i < 900 ? i + 1 : 0);
	for (uint32_t i = 0; i < 900; i++)
		changes[i].verb = DATAPATH_REMOVE;
	assert_int_equal(datapath_apply(datapath, changes, 900), 0);
	for (uint32_t i = 0; i < 900; i++)
		assert_int_equal(label_to(i), 0);
	assert_int_equal(datapath_fill(datapath).marks, 0);
}

static int drop_every_other(const struct entry *entry, void *user)
{
	uint32_t *visited = user;

	return ++*visited % 2 ? table_drop(&datapath->matches, entry) : 0;
}

static void every_entry_is_visited_once(void **state)
{
	(void)state;
	for (int batches = 0; batches < 2; batches++) {
		uint32_t visited = 0;

		assert_int_equal(insert_many(900), 0);
		datapath->matches.batches = batches;
		assert_int_equal(table_each(&datapath->matches, drop_every_other, &visited), 0);
		assert_int_equal(visited, 900);
		assert_int_equal(table_each(&datapath->matches, drop_every_other, &visited), 0);
		assert_int_equal(visited, 900 + 450);
		datapath->matches.batches = true;
		for (uint32_t i = 0; i < 900; i++)
			changes[i].verb = DATAPATH_REMOVE;
		assert_int_equal(datapath_apply(datapath, changes, 900), 0);
	}
}

/* The trie of old kernels is such a map; a program array refuses batches everywhere. */
static void a_map_that_refuses_batches_is_remembered(void **state)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, NULL, 4, 4, 16, NULL);
	struct table table = {.fd = fd, .key_size = 4, .capacity = 16, .batches = true};
	static struct table_batch batch = {.n = 16};

	(void)state;
	assert_true(fd >= 0);
	table_remove(&table, &batch);
	assert_false(table.batches);
	for (size_t i = 0; i < batch.n; i++)
		assert_int_equal(batch.errors[i], 0); /* gone one by one: was not there */
	close(fd);
}

/* Replaces all marks again and again within the rest of a slot, with few to spare. */
static void no_rest_makes_a_call_fail(void **state)
{
	(void)state;
	while (datapath->slots.idle.n > 1000)
		assert_int_not_equal(slots_take(&datapath->slots, shared_now()), 0);
	for (int round = 0; round < 10; round++) {
		assert_int_equal(insert_many(900), 0);
		assert_int_equal(label_to(899), 900);
		for (uint32_t i = 0; i < 900; i++)
			changes[i].verb = DATAPATH_REMOVE;
		assert_int_equal(datapath_apply(datapath, changes, 900), 0);
		for (uint32_t i = 0; i < 900; i++)
			assert_int_equal(changes[i].counters.packets, i == 899);
	}
}

static void impossible_capacities_are_refused(void **state)
{
	static const struct datapath_options options[] = {
		{.networks = 1},
		{.marks = 1},
		{.marks = 1 << 24, .networks = 1},
		{.marks = UINT32_MAX, .networks = UINT32_MAX}};
	struct datapath *none = NULL;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(datapath_open(&options[i], &none), -EINVAL);
	assert_null(none);
}

static int open_as_nobody(void)
{
	const struct datapath_options options = {.marks = 1, .networks = 1};
	struct datapath *none = NULL;

	if (setresuid(65534, 65534, 65534))
		return 2;
	if (datapath_open(&options, &none) != -EPERM || none)
		return 3;
	return datapath_last_message()[0] ? 0 : 4;
}

static void without_capabilities_it_says_so(void **state)
{
	int status;
	pid_t child = fork();

	(void)state;
	if (!child)
		_exit(open_as_nobody());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_datapath, close_datapath)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_kind_comes_changes_and_goes),
		TEST(scitags_keep_to_their_bits),
		TEST(interfaces_count),
		TEST(a_batch_too_many_fills_the_table),
		TEST(changes_end_while_others_are_prepared),
		TEST(networks_have_a_capacity_of_their_own),
		TEST(what_the_kernel_refuses_leaves_no_trace),
		TEST(a_match_that_is_there_is_refused),
		TEST(what_others_took_out_counts_as_removed),
		TEST(batches_are_not_needed),
		TEST(every_entry_is_visited_once),
		TEST(a_map_that_refuses_batches_is_remembered),
		TEST(no_rest_makes_a_call_fail),
		cmocka_unit_test(impossible_capacities_are_refused),
		cmocka_unit_test(without_capabilities_it_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
