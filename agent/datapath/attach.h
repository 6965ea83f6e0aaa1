/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hangs the programs on interfaces: the one that marks on egress and, if wanted, the observer
 * on ingress. A tcx link where the kernel has it, else a filter with a handle and priority
 * of our own on clsact. Never replaces a root qdisc, never deletes a qdisc or filter that is
 * not ours. Which interfaces: see links.h.
 *
 * Threads: any one at a time; attach_list() and attach_any() lock and may run beside others.
 */
#ifndef WAYMARK_ATTACH_H
#define WAYMARK_ATTACH_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datapath/datapath.h"
#include "datapath/device.h"

/* Our filter on clsact: `tc filter show dev X egress` shows these. Low priorities run
 * first; others that must run before us have room. The handle says whose the qdisc is. */
#define ATTACH_CLSACT_PRIORITY 20550
#define ATTACH_CLSACT_HANDLE 0x574d /* "WM": we made it */
#define ATTACH_CLSACT_HANDLE_GUEST 0x574e /* it was there before us */

enum attach_mode { ATTACH_NONE, ATTACH_TCX, ATTACH_CLSACT };

struct attach;
struct pin_folder;

struct attach_options {
	enum attach_mode mode; /* ATTACH_NONE: tcx if the kernel has it; others force one */
	/* Where tcx links are pinned, so that they outlive the agent and the next one adopts
	 * them; borrowed. NULL: whatever hangs ends with this object. */
	const struct pin_folder *pins;
	bool observe; /* the observer too */
};

/* One interface that we hang on, or would. */
struct attach_interface {
	char name[IF_NAMESIZE];
	uint32_t ifindex; /* 0: does not exist now */
	enum attach_mode mode; /* of the program that marks */
	char error[160]; /* why mode is ATTACH_NONE, or there is no observer; else empty */
};

/* The datapath is borrowed until attach_free(). Takes off pinned links of other network
 * namespaces, which needs CAP_NET_ADMIN. 0 or -ENOMEM. */
int attach_new(const struct datapath *datapath, const struct attach_options *options,
	       struct attach **ret);

/* Does what follows need CAP_NET_ADMIN? Yes for filters of clsact, which come and go by
 * rtnetlink: if they are wanted, if the kernel has no tcx, or if an earlier agent left some
 * that have to go. Needs it itself. */
bool attach_needs_net_admin(const struct attach *attach);

/* Leaves everything in force for the next agent, or, with `detach` or without pins, takes off
 * what this object hung on, and the clsact qdiscs that were made for it if nobody else has
 * put a filter there since. NULL is fine. */
void attach_free(struct attach *attach, bool detach);

/* Hangs on a device, in the place of what an earlier agent left there. A failure is remembered
 * for attach_list() and returned, and the device may be tried again: -ENODEV,
 * -EAFNOSUPPORT (its packets begin with a header that the programs do not know), -EOPNOTSUPP
 * (no tcx, and that is forced), -EPERM or what the kernel said. The failure may be the
 * observer's alone. Not remembered: -EALREADY (it hangs), -ENOMEM. */
int attach_add(struct attach *attach, const struct device *device);

/* Takes off what hangs there, if the device is still there, and forgets it. */
void attach_remove(struct attach *attach, uint32_t ifindex);

/* The device has another name now. */
void attach_rename(struct attach *attach, uint32_t ifindex, const char *name);

/* Does everything still hang there that attach_add() hung up? */
bool attach_holds(const struct attach *attach, uint32_t ifindex);

/* An interface of this name is wanted; attach_list() shows if it is missing. 1: it is, which is
 * news, and *ret is its row; 0; or -ENOMEM. */
int attach_expect(struct attach *attach, const char *name, bool is_missing,
		  struct attach_interface *ret);

/* The row of this interface; is there one? */
bool attach_find(const struct attach *attach, uint32_t ifindex, struct attach_interface *ret);

/* With pins: takes off filters that an earlier agent left on an interface that is not
 * wanted. */
void attach_clear(const struct attach *attach, uint32_t ifindex);

/* With pins: takes off pinned links of interfaces that are not wanted. */
void attach_sweep(const struct attach *attach);

/* Copies up to n rows; returns how many there are. */
size_t attach_list(const struct attach *attach, struct attach_interface rows[], size_t n);

/* Is the program on any interface? */
bool attach_any(const struct attach *attach);

#endif
