/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small world for the agent's datapath: hosts by number, each reached by UDP, and marks of
 * every kind for them.
 */
#ifndef WAYMARK_MARKS_H
#define WAYMARK_MARKS_H

#include "datapath/datapath.h"

#define MARKS_FRAME_BYTES (40 + 8 + 32) /* of one packet, as counted */

/* A datapath without pins, which must open. */
struct datapath *marks_open(uint32_t marks, uint32_t networks);

/* A mark for the packets to this host; a NETWORK covers eight hosts. */
struct match marks_match(enum mark_kind kind, uint32_t host);

/* What a packet to this host carries after the program; 0: it was left alone. */
uint32_t marks_label(int program, uint32_t host);

struct mark_action marks_raw(uint32_t label);
struct datapath_change marks_insert(const struct match *match, uint32_t label);
struct datapath_change marks_remove(const struct match *match, uint32_t slot);

/* One insert that must succeed; returns the slot. */
uint32_t marks_add(struct datapath *datapath, const struct match *match, uint32_t label,
		   uint32_t lease);

/* A bpffs of its own, in a mount namespace of its own; returns where. */
const char *marks_bpffs(void);

/* Removes what an agent has pinned here, and the folder. 0 or -1. */
int marks_unpin(const char *pin_dir);

#endif
