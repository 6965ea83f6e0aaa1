/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Agents that come and go, one at a time, and leave their maps pinned.
 */
#ifndef WAYMARK_PINNED_H
#define WAYMARK_PINNED_H

#include "datapath/datapath.h"

struct pinned {
	struct datapath_options options; /* of the next agent */
	struct datapath *datapath; /* of the present one; NULL: none runs */
	int program; /* pinned_keep_program(): hangs, as it were, on an interface */
};

extern struct pinned pinned;

/* For a group of tests: a BPF file system; options for 900 marks and 20 networks. */
int pinned_mount(void **state);
/* After a test: nobody runs, nothing is left. */
int pinned_clean(void **state);

/* The next agent. */
void pinned_open(void);
/* It fails with this error, and with these words among others. */
void pinned_expect_refused(int error, const char *message);
/* The agent goes. */
void pinned_close(void);

/* How often to repeat what depends on chance: WAYMARK_ROUNDS where the machine is slow. */
unsigned pinned_rounds(unsigned usual);

/* From now on packets go through the program of the present agent. */
void pinned_keep_program(void);

/* Of a map in force; of something else in the folder. Valid until the next call. */
const char *pinned_map(const char *name);
const char *pinned_path(const char *name);

#endif
