/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The datapath program in the running kernel, without an agent: loads it, programs marks as
 * abi.h says, runs single packets through it and reads what it counted.
 */
#ifndef WAYMARK_LAB_H
#define WAYMARK_LAB_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"
#include "frame.h"

#define LAB_SLOTS 1024u
#define LAB_FILTER_BITS 10 /* of the number of a bucket */
#define LAB_FILTER_WORDS ((1u << LAB_FILTER_BITS) / FILTER_BUCKETS_PER_WORD)
#define LAB_LEASES LAB_SLOTS

struct marker;

struct lab {
	struct marker *marker; /* the skeleton */
	struct mark_row *marks;
	uint64_t *leases, *filter, *known_pairs;
	struct traffic *observed_traffic;
	struct common *common;
};

/* What a mark matches, by kind as abi.h has it, and the word that it writes. */
struct lab_mark {
	uint32_t kind; /* one of FILTER_* */
	uint8_t source[16], destination[16];
	uint16_t source_port, destination_port;
	uint8_t protocol;
	uint8_t length; /* of a prefix */
	uint64_t word;
};

/* Sizes the maps of an opened skeleton, for whoever loads it in an own way. */
void lab_size(struct marker *marker);

/* Both fail the test where the kernel does not let them. */
void lab_open(struct lab *lab);
void lab_close(struct lab *lab);

/* Makes these marks the only ones: marks[i] gets slot i + 1. Counters go to zero. */
void lab_program(struct lab *lab, const struct lab_mark marks[], size_t n);

/* Sets the word of a slot, 0: it is free. */
void lab_set_word(struct lab *lab, uint32_t slot, uint64_t word);

/* What one packet became. */
struct outcome {
	int verdict; /* what the program returned */
	int error; /* negative errno: the kernel would not run this packet */
	struct frame frame;
};

/* Runs a packet once. ctx may be NULL; its errors are returned in .error. */
struct outcome lab_try(int program, const struct frame *frame, const struct __sk_buff *ctx);
/* The same; errors fail the test. */
struct outcome lab_run(int program, const struct frame *frame, const struct __sk_buff *ctx);

int lab_mark_l2(const struct lab *lab);
int lab_mark_l3(const struct lab *lab);
int lab_observe_l2(const struct lab *lab);
int lab_observe_l3(const struct lab *lab);

/* Runs read_clock. */
uint64_t lab_jiffies(struct lab *lab, uint64_t *boottime);

/* Sums over the stripes. */
struct traffic lab_mark_count(const struct lab *lab, uint32_t slot);
struct traffic lab_sent(const struct lab *lab, uint32_t pair);
struct traffic lab_observed(const struct lab *lab, uint32_t pair);
struct interface_traffic lab_interface(const struct lab *lab, uint32_t ifindex);

/* Without a writer every write fails. */
void lab_unplug(struct lab *lab, enum stage stage);
void lab_plug(struct lab *lab, enum stage stage);

#endif
