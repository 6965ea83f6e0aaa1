/* SPDX-License-Identifier: Apache-2.0 */
/* Whole packets compared, and the marks and packets that most tests start from. */
#ifndef WAYMARK_EXPECT_H
#define WAYMARK_EXPECT_H

#include "lab.h"

/* Octets 4 and 5 of the source are the type of IPv6: where the frame begins with the IPv6
 * header, BPF_PROG_TEST_RUN reads skb->protocol there (eth_type_trans). */
#define SOURCE "2001:db8:86dd::1"
#define TARGET "2001:db8:2:3::4"

/* cmocka group fixtures: state is a struct lab. */
int lab_setup(void **state);
int lab_teardown(void **state);

struct lab_mark mark_host(const char *destination, uint64_t word);
struct lab_mark mark_network(const char *destination, uint8_t length, uint64_t word);
struct lab_mark mark_endpoint(const char *destination, uint8_t protocol, uint16_t port,
			      uint64_t word);
/* From SOURCE. */
struct lab_mark mark_flow(const char *destination, uint8_t protocol, uint16_t source_port,
			  uint16_t port, uint64_t word);

uint64_t word_raw(uint32_t label);
uint64_t word_scitag(uint32_t structural);
uint64_t word_dscp(uint32_t dscp);
uint64_t word_lease(uint32_t index);

/* Programs one mark alone. */
void program_one(struct lab *lab, struct lab_mark mark);

/* The program answers TC_ACT_UNSPEC and the packet comes out as `after`, octet by octet. */
void expect_becomes(int program, const struct frame *before, const struct frame *after);
void expect_untouched(int program, const struct frame *frame);
/* ... and the only difference is this label. */
void expect_label(int program, const struct frame *frame, uint32_t label);

/* Counters of loopback, where TEST_RUN packets leave: how often each verdict fell. */
void expect_verdict(const struct lab *lab, enum verdict verdict, uint64_t packets);

#endif
