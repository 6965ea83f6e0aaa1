/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel reuses the element of a removed key at once. A packet that has just found it must
 * not get the mark of the next key that lives there.
 *
 * One thread sends to host A alone; the other makes elements pass from A to B and back, as
 * fast as can be: an update takes a free element and frees the old one for the next update.
 * Every packet to A is A's or nobody's: B's counter stays at zero. Without tags, it does not.
 */
#include "check.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include <bpf/bpf.h>

#include "datapath/state.h"
#include "frame.h"
#include "lab.h"
#include "marks.h"

#define SECONDS 5
#define BURST 100000
#define UPDATES 1000
#define A 1
#define B 2

static struct datapath *datapath;
static atomic_bool over;

static void *keep_sending(void *user)
{
	struct ends ends = ends_of("2001:db8::1", "2001:db8:1::1"); /* host A */
	struct frame frame = frame_plain(&ends, IPPROTO_UDP);
	uint64_t *sent = user;

	while (!atomic_load(&over)) {
		LIBBPF_OPTS(bpf_test_run_opts, options, .repeat = BURST, .data_in = frame.bytes,
			    .data_size_in = (uint32_t)frame.length);

		if (bpf_prog_test_run_opts(datapath_program(datapath, true), &options))
			return NULL;
		*sent += BURST;
	}
	return NULL;
}

static void pass_around(const struct entry entries[2])
{
	struct exact_key keys[UPDATES];
	uint64_t values[UPDATES];
	uint32_t count = UPDATES;

	for (size_t i = 0; i < UPDATES; i++) {
		keys[i] = entries[i % 2].key.exact;
		values[i] = entries[i % 2].value;
	}
	assert_int_equal(bpf_map_update_batch(datapath->matches.fd, keys, values, &count, NULL),
			 0);
}

static void the_next_key_in_an_element_gets_none_of_its_packets(void **state)
{
	const struct datapath_options options = {.marks = 2, .networks = 1};
	struct match matches[] = {marks_match(MARK_HOST, A), marks_match(MARK_HOST, B)};
	uint64_t sent = 0, rounds = 0;
	struct entry entries[2];
	uint32_t slots[2];
	pthread_t sender;
	time_t end;

	(void)state;
	assert_int_equal(datapath_open(&options, &datapath), 0);
	for (int i = 0; i < 2; i++) {
		slots[i] = marks_add(datapath, &matches[i], (uint32_t)i + 1, 0);
		entries[i] = entry_make(&matches[i], slots[i]);
	}
	assert_int_equal(pthread_create(&sender, NULL, keep_sending, &sent), 0);
	for (end = time(NULL) + SECONDS; time(NULL) < end; rounds++)
		pass_around(entries);
	atomic_store(&over, true);
	pthread_join(sender, NULL);
	print_message("%lu packets, %lu rounds, %lu marked\n", (unsigned long)sent,
		      (unsigned long)rounds,
		      (unsigned long)datapath_counters(datapath, slots[0]).packets);
	assert_true(rounds > 100);
	assert_true(datapath_counters(datapath, slots[0]).packets > 0);
	assert_int_equal(datapath_counters(datapath, slots[1]).packets, 0);
	datapath_close(datapath);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_next_key_in_an_element_gets_none_of_its_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
