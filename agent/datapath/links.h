/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Follows the interfaces of the network namespace, and keeps the programs on those that the
 * configuration names (stack.h says which): hangs them on when an interface appears, takes
 * them off when it is not wanted any more, follows renames, and forgets what is gone. An
 * interface that could not be had is tried again whenever the kernel says something of it.
 *
 * Threads: one, which also owns the attach.
 */
#ifndef WAYMARK_LINKS_H
#define WAYMARK_LINKS_H

#include <stddef.h>

#include "datapath/attach.h"
#include "datapath/stack.h"

struct links;

enum links_event {
	LINKS_ATTACHED,
	LINKS_FAILED, /* interface->error says why; once for the same reason */
	LINKS_DETACHED, /* it is gone, renamed or makes way for another */
};

struct links_options {
	struct attach *attach; /* borrowed */
	struct stack_names names; /* borrowed */
	/* Hears of every change, in the calls below. */
	void (*report)(enum links_event event, const struct attach_interface *interface,
		       void *user);
	void *user;
	int receive_buffer; /* octets; 0: enough */
};

/* Begins to listen and hangs the programs on what is there; with pins, what an earlier agent
 * left elsewhere goes. 0 or negative errno. */
int links_open(const struct links_options *options, struct links **ret);

/* Readable when links_read() is due. */
int links_fd(const struct links *links);

/* Takes in what the kernel has said, without waiting; where it had to leave something out, it
 * is asked for everything again. 0 or negative errno; call again in either case. */
int links_read(struct links *links);

/* Other names from now on: takes off what is not wanted any more, then hangs on what is new.
 * The names before must still be valid. 0 or negative errno. */
int links_want(struct links *links, const struct stack_names *names);

/* Does not touch what hangs. NULL is fine. */
void links_close(struct links *links);

#endif
