/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's side of the agent: loads the BPF object, owns its maps and slots, and
 * programs marks. Knows matches and actions, nothing of owners, revisions or RPCs.
 *
 * Threads: datapath_apply() is the writer's alone. Counters may be read by any thread at
 * any time. Attaching is in attach.h.
 */
#ifndef WAYMARK_DATAPATH_H
#define WAYMARK_DATAPATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/mark.h"

struct datapath;

struct datapath_options {
	uint32_t marks; /* FLOW, ENDPOINT and HOST together; > 0 */
	uint32_t networks; /* prefixes; > 0 */
};

/* Loads the programs and creates the maps. Nothing is attached.
 * 0; -EINVAL: capacity is 0 or too large; -EPERM without CAP_BPF and CAP_NET_ADMIN; -ENOMEM;
 * else what the kernel said, and datapath_last_message() has the verifier's words. *ret is
 * untouched on failure. */
int datapath_open(const struct datapath_options *options, struct datapath **ret);

/* What the BPF library and the verifier said of the last datapath_open() or attach_add() of
 * this thread: the last lines, or "". Valid until the next one. */
const char *datapath_last_message(void);

/* Closes maps and programs; what is attached stays attached. NULL is fine. */
void datapath_close(struct datapath *datapath);

enum datapath_verb {
	DATAPATH_INSERT, /* match is new: takes a slot */
	DATAPATH_REWRITE, /* slot keeps its match and counters, gets another action */
	DATAPATH_REMOVE, /* match goes, its counters are read afterwards, the slot rests */
};

struct datapath_change {
	enum datapath_verb verb;
	uint32_t slot; /* INSERT: out; else in */
	const struct match *match; /* borrowed for the call */
	struct mark_action action; /* INSERT, REWRITE */
	int error; /* out: 0 or negative errno; -ENOSPC: table full */
	struct traffic_count
		counters; /* INSERT: in, where counting starts; REMOVE: out, final */
};

/* Programs changes in their order. Every packet sees a change entirely or not at all; once
 * the call returns every later packet sees it. 0 if all succeeded, else the first error;
 * the others were applied, changes[].error tells which is which. No match may occur
 * twice; an INSERT of one that is in the maps is found out (-EEXIST) only in short runs.
 * A REMOVE of one that somebody else took out of the maps succeeds. */
int datapath_apply(struct datapath *datapath, struct datapath_change changes[], size_t n);

/* Counters of the mark in this slot. */
struct traffic_count datapath_counters(const struct datapath *datapath, uint32_t slot);

struct datapath_fill {
	uint32_t marks, marks_capacity;
	uint32_t networks, networks_capacity;
};

struct datapath_fill datapath_fill(const struct datapath *datapath);

/* Totals of one interface since its program counts; index 0 sums the interfaces whose
 * number is too large to have counters of their own. */
struct interface_count {
	uint64_t seen;
	struct traffic_count marked;
	uint64_t not_ipv6, truncated, no_match, expired, write_failed;
};

struct interface_count datapath_interface(const struct datapath *datapath, uint32_t ifindex);

/* What all interfaces together have marked. */
struct traffic_count datapath_marked(const struct datapath *datapath);

/* File descriptor of the program that an interface of this kind needs; borrowed. */
int datapath_program(const struct datapath *datapath, int has_ethernet_header);

/* Switches counting of arriving packets on or off for all interfaces with an observer. */
void datapath_observe(struct datapath *datapath, bool on);

/* File descriptor of the observer for such an interface; borrowed. */
int datapath_observer(const struct datapath *datapath, int has_ethernet_header);

#endif
