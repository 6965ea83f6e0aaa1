/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hangs the program on the egress of interfaces: a tcx link where the kernel has it, else
 * a filter with a handle and priority of our own on clsact. Never replaces a root qdisc,
 * never deletes a qdisc or filter that is not ours.
 *
 * Threads: any one at a time; attach_list() copies under a lock and may run beside others.
 */
#ifndef WAYMARK_ATTACH_H
#define WAYMARK_ATTACH_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datapath/datapath.h"

/* Our filter on clsact: `tc filter show dev X egress` shows these. Low priorities run
 * first; others that must run before us have room. */
#define ATTACH_CLSACT_PRIORITY 20550
#define ATTACH_CLSACT_HANDLE 0x574d /* "WM" */

enum attach_mode { ATTACH_NONE, ATTACH_TCX, ATTACH_CLSACT };

struct attach;

/* One interface that the configuration names. */
struct attach_interface {
	char name[IF_NAMESIZE];
	uint32_t ifindex; /* 0: does not exist now */
	enum attach_mode mode;
	char error[160]; /* why mode is ATTACH_NONE; else empty */
};

/* mode: ATTACH_NONE means tcx if the kernel has it; the others force one. The datapath is
 * borrowed until attach_free(). 0 or -ENOMEM. */
int attach_new(const struct datapath *datapath, enum attach_mode mode, struct attach **ret);

/* Detaches whatever this object attached, and the clsact qdiscs that it created if
 * nobody else has put a filter there since. NULL is fine. */
void attach_free(struct attach *attach);

/* Attaches to an interface by name. A failure is remembered for attach_list() and
 * returned, and the name may be tried again: -ENODEV, -EAFNOSUPPORT (its packets begin with a
 * header that the programs do not know), -EOPNOTSUPP (no tcx, and that is forced), -EPERM or
 * what the kernel said. Not remembered: -EALREADY (attached), -EINVAL (no name of an
 * interface), -ENOMEM. */
int attach_add(struct attach *attach, const char *name);

/* Copies up to n rows; returns how many there are. */
size_t attach_list(const struct attach *attach, struct attach_interface rows[], size_t n);

/* Is the program on any interface? */
bool attach_any(const struct attach *attach);

#endif
