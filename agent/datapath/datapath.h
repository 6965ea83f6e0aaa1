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

/* Marks and networks that fit into one datapath. */
#define DATAPATH_MARKS_MAX 16757215

struct datapath_options {
	uint32_t marks; /* FLOW, ENDPOINT and HOST together; > 0 */
	uint32_t networks; /* prefixes; > 0; with marks at most DATAPATH_MARKS_MAX */
	/* Folder on a bpffs where the maps and the program array are pinned, so that marking
	 * goes on while no agent runs; made if missing, mode 0700. NULL: nothing is pinned. */
	const char *pin_dir;
};

/* Loads the programs and creates the maps, or goes on with those that are pinned: they mark all
 * the while. Pinned maps of an older layout or of other sizes are copied, counters with them,
 * and replaced; datapath_leave_old_maps() is due then. Nothing is attached.
 * 0; -EINVAL: capacity is 0 or too large; -EPERM without CAP_BPF and CAP_NET_ADMIN; -ENOMEM;
 * -EPROTO: the pinned maps have a layout that these programs do not know, such as that of a
 * newer agent; -ENOSPC: more is pinned than fits; -ENODEV: pin_dir is not on a bpffs; else what
 * the kernel said, and datapath_last_message() has more words. *ret is untouched on failure. */
int datapath_open(const struct datapath_options *options, struct datapath **ret);

/* What the BPF library and the verifier said of the last datapath_open() or attach_add() of
 * this thread: the last words of it, in one line, or "". Valid until the next one. */
const char *datapath_last_message(void);

/* From now on a second thread takes a share of large changes; before the first
 * datapath_apply(), and once no privileges are left for it to keep. 0 or negative errno. */
int datapath_start_helper(struct datapath *datapath);

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
	uint32_t lease; /* INSERT, REWRITE: index of its deadline; 0: for ever */
	int error; /* out: 0 or negative errno; -ENOSPC: table full */
	struct traffic_count
		counters; /* INSERT: in, where counting starts; REMOVE: out, final */
};

/* Programs changes in their order. Every packet sees a change entirely or not at all; once
 * the call returns every later packet sees it. 0 if all succeeded, else the first error;
 * the others were applied, changes[].error tells which is which. No match may occur
 * twice; an INSERT of one that is in the maps is found out (-EEXIST) only where keys go one by
 * one. A REMOVE of one that somebody else took out of the maps succeeds. */
int datapath_apply(struct datapath *datapath, struct datapath_change changes[], size_t n);

/* The same in two steps, so that there is something else to do while the second thread works:
 * how they ended is known, and what they point to is free, once datapath_finish() or the next
 * one of these has returned. */
void datapath_begin(struct datapath *datapath, struct datapath_change changes[], size_t n);
void datapath_finish(struct datapath *datapath);

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

/* When all these counters began: at the first start since the maps were made; ns since 1970. */
int64_t datapath_since(const struct datapath *datapath);

/* File descriptor of the program that an interface of this kind needs; borrowed. */
int datapath_program(const struct datapath *datapath, int has_ethernet_header);

/* ---- what an earlier agent has left in the pinned maps ---- */

/* Calls `each` for every entry that datapath_open() found pinned, until it returns non-zero;
 * returns that. Before the first datapath_apply(). Every entry must then be either claimed
 * (its slot, counters and filter bits are ours again) or removed with DATAPATH_REMOVE; until
 * then it goes on marking, and nobody gets its slot or its lease. `each` may claim, and must
 * not remove. */
int datapath_each_pinned(struct datapath *datapath,
			 int (*each)(const struct match *match, uint32_t slot, void *user),
			 void *user);

/* Takes over a pinned entry with its slot and counters, and writes what it should say. 0;
 * -EEXIST if the slot is claimed already; -EINVAL: no such slot. */
int datapath_claim(struct datapath *datapath, const struct match *match, uint32_t slot,
		   const struct mark_action *action, uint32_t lease);

/* Call when the programs on all interfaces are ours: adds what those before them have counted
 * in maps that were replaced, and lets these maps go. 0 or negative errno: then the next agent
 * does it. Counters lag behind until then. One thread; may run beside the writer. */
int datapath_leave_old_maps(struct datapath *datapath);

/* ---- deadlines; the writer's ---- */

/* Takes an entry in the array of deadlines, that is never at first. 0 or -ENOSPC. */
int datapath_lease_take(struct datapath *datapath, uint32_t *ret_index);

/* Gives it back; like a slot it rests before it is used again. */
void datapath_lease_put(struct datapath *datapath, uint32_t index);

/* Marks that refer to this entry are in force until CLOCK_BOOTTIME reaches the deadline (ns):
 * one store, whatever their number. */
void datapath_lease_set(struct datapath *datapath, uint32_t index, int64_t deadline);

/* The kernel counts deadlines in jiffies, which drift against the clock and stand still in
 * suspend: aligns all of them anew. Call every minute or so. 0 or negative errno. */
int datapath_clock_sync(struct datapath *datapath);

/* ---- SciTags sent and observed ---- */

/* The observer tells this pair apart from now on; others count as "other". */
void datapath_know_pair(struct datapath *datapath, uint16_t experiment, uint8_t activity);

struct pair_count {
	struct traffic_count sent, observed;
};

struct pair_count datapath_pair(const struct datapath *datapath, uint16_t experiment,
				uint8_t activity);

/* What arrived as IPv6 without a known SciTag. */
struct traffic_count datapath_observed_other(const struct datapath *datapath);

/* Switches counting of arriving packets on or off for all interfaces with an observer. */
void datapath_observe(struct datapath *datapath, bool on);

/* File descriptor of the observer for such an interface; borrowed. */
int datapath_observer(const struct datapath *datapath, int has_ethernet_header);

/* ---- audit: has somebody else changed the maps? The writer's ---- */

struct datapath_expected {
	const struct match *match;
	struct mark_action action;
	uint32_t slot, lease;
};

/* Checks that these marks are in the maps as expected and puts right what is not. Returns the
 * number of repairs, or negative errno; -EINVAL: a slot is not that of its match. */
int datapath_audit(struct datapath *datapath, const struct datapath_expected expected[],
		   size_t n);

/* Goes through the keys in the maps in slices of at most `n`, and removes those that
 * `known` does not know with this slot. *cursor is zero-initialised at the beginning of a
 * round. Returns repairs so far in this slice or negative errno; *ret_end: the round is over.
 */
struct datapath_cursor {
	bool networks; /* at the tries already */
	bool started;
	uint8_t key[40];
};

int datapath_sweep(struct datapath *datapath, struct datapath_cursor *cursor, size_t n,
		   bool (*known)(const struct match *match, uint32_t slot, void *user),
		   void *user, bool *ret_end);

#endif
