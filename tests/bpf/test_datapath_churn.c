/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ten thousand changes in random groups, and after every group every packet of a small world
 * is compared with a model that does nothing but search.
 */
#include "check.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "datapath/state.h"
#include "frame.h"
#include "lab.h"

#define HOSTS 12 /* of the packets; the last is never a mark's own destination */
#define CHANGES 10000
#define CANDIDATES 256
#define GROUP 60

static struct {
	struct match match;
	bool live;
	uint32_t label, slot;
} candidates[CANDIDATES];
static size_t candidate_count;

static struct datapath *datapath;

/* Hosts are far from each other and near, so that prefixes of every length part them. */
static void host_address(unsigned host, uint8_t address[16])
{
	static const uint8_t octets[] = {15, 15, 15, 9, 7, 5, 4, 3, 2, 1, 12, 14};

	memset(address, 0x20, 16);
	address[octets[host]] ^= (uint8_t)(1 + host * 16);
}

static void candidate_add(const struct match *match)
{
	for (size_t i = 0; i < candidate_count; i++)
		if (!memcmp(&candidates[i].match, match, sizeof(*match)))
			return;
	assert_true(candidate_count < CANDIDATES);
	candidates[candidate_count++].match = *match;
}

static void exact_candidates(unsigned host)
{
	struct match match = {.kind = MARK_HOST, .prefix_length = 128};

	host_address(host, match.destination);
	candidate_add(&match);
	match.protocol = IPPROTO_UDP;
	for (uint16_t port = 5000; port < 5002; port++) {
		struct match flow = match;

		match.kind = MARK_ENDPOINT;
		match.destination_port = port;
		candidate_add(&match);
		flow.kind = MARK_FLOW;
		flow.destination_port = port;
		host_address(HOSTS - 1, flow.source);
		for (flow.source_port = 4000; flow.source_port < 4002; flow.source_port++)
			candidate_add(&flow);
	}
}

static void network_candidates(unsigned host)
{
	static const uint8_t lengths[] = {0, 7, 8, 20, 32, 33, 61, 64, 100, 126, 127, 128};

	for (size_t i = 0; i < sizeof(lengths); i++) {
		struct match match = {.kind = MARK_NETWORK, .prefix_length = lengths[i]};
		uint8_t address[16];

		host_address(host, address);
		for (unsigned bit = 0; bit < lengths[i]; bit++)
			match.destination[bit / 8] |= address[bit / 8] & 0x80 >> bit % 8;
		candidate_add(&match);
	}
}

static bool covers(const struct match *match, const struct match *packet)
{
	for (unsigned bit = 0; bit < match->prefix_length; bit++)
		if ((match->destination[bit / 8] ^ packet->destination[bit / 8]) &
		    0x80 >> bit % 8)
			return false;
	if (match->kind == MARK_FLOW && (memcmp(match->source, packet->source, 16) != 0 ||
					 match->source_port != packet->source_port))
		return false;
	return match->kind >= MARK_HOST || match->destination_port == packet->destination_port;
}

/* The smallest kind wins, then the longest prefix. */
static uint32_t label_expected(const struct match *packet)
{
	uint32_t label = 0;
	int best = 1 << 16;

	for (size_t i = 0; i < candidate_count; i++) {
		const struct match *match = &candidates[i].match;
		int rank = match->kind * 256 - match->prefix_length;

		if (candidates[i].live && rank < best && covers(match, packet)) {
			best = rank;
			label = candidates[i].label;
		}
	}
	return label;
}

static void check_packet(unsigned host, uint16_t source_port, uint16_t destination_port)
{
	struct match packet = {.source_port = source_port,
			       .destination_port = destination_port};
	struct frame frame = frame_ethernet();
	struct outcome outcome;
	struct ends ends;

	host_address(host, packet.destination);
	host_address(HOSTS - 1, packet.source);
	memcpy(ends.source, packet.source, 16);
	memcpy(ends.destination, packet.destination, 16);
	frame_ipv6(&frame, &ends, IPPROTO_UDP);
	frame_ports(&frame, IPPROTO_UDP, source_port, destination_port);
	outcome = lab_run(datapath_program(datapath, true), &frame, NULL);
	assert_int_equal(frame_label(&outcome.frame), label_expected(&packet));
}

static void check_all(void)
{
	for (unsigned host = 0; host < HOSTS; host++)
		for (uint16_t port = 4000; port < 4003; port++)
			for (uint16_t other = 5000; other < 5003; other++)
				check_packet(host, port, other);
}

static struct datapath_change change_of(size_t i)
{
	struct datapath_change change = {
		.match = &candidates[i].match,
		.slot = candidates[i].slot,
		.action.label = MARK_LABEL_RAW,
		.action.flow_label = 1 + (uint32_t)random() % 0xFFFFF,
	};

	if (!candidates[i].live)
		change.verb = DATAPATH_INSERT;
	else
		change.verb = random() % 3 ? DATAPATH_REMOVE : DATAPATH_REWRITE;
	return change;
}

static int by_verb(const void *a, const void *b)
{
	const struct datapath_change *one = a, *other = b;

	return (int)one->verb - (int)other->verb;
}

/* Every second group is in the order of verbs, so that the kernel gets batches. */
static size_t make_group(struct datapath_change group[GROUP])
{
	size_t n = 0, step = 1 + (size_t)random() % 20;

	for (size_t i = (size_t)random() % candidate_count; i < candidate_count && n < GROUP;
	     i += 1 + (size_t)random() % step)
		group[n++] = change_of(i);
	if (random() % 2)
		qsort(group, n, sizeof(*group), by_verb);
	return n;
}

static void model_change(const struct datapath_change *change)
{
	for (size_t i = 0; i < candidate_count; i++) {
		if (change->match != &candidates[i].match)
			continue;
		candidates[i].live = change->verb != DATAPATH_REMOVE;
		candidates[i].label = change->action.flow_label;
		candidates[i].slot = change->slot;
	}
}

static void change_group(size_t *changed)
{
	struct datapath_change group[GROUP];
	size_t n = make_group(group);

	assert_int_equal(datapath_apply(datapath, group, n), 0);
	for (size_t i = 0; i < n; i++)
		model_change(&group[i]);
	*changed += n;
	check_all();
}

/* Calls until the datapath has found the time to forget what is stale. */
static void wait_for_rebuild(void)
{
	time_t deadline = time(NULL) + 30;

	while (datapath->filter.stale) {
		assert_true(time(NULL) < deadline);
		assert_int_equal(datapath_apply(datapath, NULL, 0), 0);
	}
}

static void the_kernel_agrees_with_the_model(void **state)
{
	const struct datapath_options options = {.marks = CANDIDATES, .networks = CANDIDATES};
	size_t changed = 0;

	(void)state;
	srandom(1);
	assert_int_equal(datapath_open(&options, &datapath), 0);
	assert_int_equal(datapath_start_helper(datapath), 0);
	for (unsigned host = 0; host < HOSTS - 1; host++) {
		exact_candidates(host);
		network_candidates(host);
	}
	while (changed < CHANGES)
		change_group(&changed);
	wait_for_rebuild();
	check_all();
	datapath_close(datapath);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernel_agrees_with_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
