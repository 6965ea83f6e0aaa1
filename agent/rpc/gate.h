/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who gets in by TCP. The C core accepts connections without a bound, and an accept4() that
 * fails for want of descriptors ends its listener for good (CVE-2023-4785, not fixed in what
 * distributions ship). It calls accept4() through the dynamic linker, so the one of gate.c,
 * which the program exports, comes before the C library's: on TCP listeners it counts who is
 * in, refuses beyond the limits, and answers no error that the C core does not survive. All
 * other sockets of the process get what the system says.
 *
 * One for the process. Any thread.
 */
#ifndef WAYMARK_RPC_GATE_H
#define WAYMARK_RPC_GATE_H

#include <stddef.h>
#include <stdint.h>

/* Begins to count, with room for so many connections in all and of one peer: an IPv4 address
 * or an IPv6 /64, for one host has a whole one. A second call changes the limits; connections
 * that are in stay. 0, -ENOMEM, or -EMFILE: no descriptor for the reserve. */
int gate_open(size_t connections, size_t of_peer);

/* Connections refused since the start. */
struct gate_refusals {
	uint64_t full; /* beyond those in all */
	uint64_t peer; /* beyond those of one peer */
	uint64_t descriptors; /* the process had no descriptor left */
};

struct gate_refusals gate_refusals(void);

/* Connections that are in. Looks at each of them. */
size_t gate_connections(void);

#endif
