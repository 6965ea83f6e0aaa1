/* SPDX-License-Identifier: Apache-2.0 */
#include "expect.h"

#include <linux/pkt_cls.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

#define LOOPBACK 1

int lab_setup(void **state)
{
	struct lab *lab = calloc(1, sizeof(*lab));

	assert_non_null(lab);
	lab_open(lab);
	*state = lab;
	return 0;
}

int lab_teardown(void **state)
{
	if (!*state)
		return 0; /* setup failed */
	lab_close(*state);
	free(*state);
	return 0;
}

static struct lab_mark mark_to(uint32_t kind, const char *destination, uint64_t word)
{
	struct lab_mark mark = {.kind = kind, .word = word};
	struct ends ends = ends_of(SOURCE, destination);

	memcpy(mark.destination, ends.destination, sizeof(mark.destination));
	return mark;
}

struct lab_mark mark_host(const char *destination, uint64_t word)
{
	return mark_to(FILTER_HOST, destination, word);
}

struct lab_mark mark_network(const char *destination, uint8_t length, uint64_t word)
{
	struct lab_mark mark = mark_to(FILTER_NETWORK, destination, word);

	mark.length = length;
	return mark;
}

struct lab_mark mark_endpoint(const char *destination, uint8_t protocol, uint16_t port,
			      uint64_t word)
{
	struct lab_mark mark = mark_to(FILTER_ENDPOINT, destination, word);

	mark.protocol = protocol;
	mark.destination_port = port;
	return mark;
}

struct lab_mark mark_flow(const char *destination, uint8_t protocol, uint16_t source_port,
			  uint16_t port, uint64_t word)
{
	struct lab_mark mark = mark_endpoint(destination, protocol, port, word);
	struct ends ends = ends_of(SOURCE, destination);

	mark.kind = FILTER_FLOW;
	mark.source_port = source_port;
	memcpy(mark.source, ends.source, sizeof(mark.source));
	return mark;
}

uint64_t word_raw(uint32_t label)
{
	return WORD_HAS_RAW | label;
}

uint64_t word_scitag(uint32_t structural)
{
	return WORD_HAS_SCITAG | structural;
}

uint64_t word_dscp(uint32_t dscp)
{
	return WORD_HAS_DSCP | (uint64_t)dscp << WORD_DSCP_SHIFT;
}

uint64_t word_lease(uint32_t index)
{
	return (uint64_t)index << WORD_LEASE_SHIFT;
}

void program_one(struct lab *lab, struct lab_mark mark)
{
	lab_program(lab, &mark, 1);
}

void expect_becomes(int program, const struct frame *before, const struct frame *after)
{
	struct outcome outcome = lab_run(program, before, NULL);

	assert_int_equal(outcome.verdict, TC_ACT_UNSPEC);
	assert_int_equal(outcome.frame.length, after->length);
	assert_memory_equal(outcome.frame.bytes, after->bytes, after->length);
}

void expect_untouched(int program, const struct frame *frame)
{
	expect_becomes(program, frame, frame);
}

void expect_label(int program, const struct frame *frame, uint32_t label)
{
	struct frame after = *frame;

	frame_set_label(&after, label);
	expect_becomes(program, frame, &after);
}

void expect_verdict(const struct lab *lab, enum verdict verdict, uint64_t packets)
{
	struct interface_traffic count = lab_interface(lab, LOOPBACK);

	assert_int_equal(count.packets[verdict], packets);
}
