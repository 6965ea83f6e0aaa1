/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must become of a packet, worked out from the design and not from the program: reads
 * octet by octet, and asks every mark in turn.
 */
#ifndef WAYMARK_ORACLE_H
#define WAYMARK_ORACLE_H

#include "lab.h"

#define ORACLE_NO_MARK SIZE_MAX

struct oracle {
	const struct lab_mark *marks;
	size_t n;
	const bool *lease_expired; /* [lease index] */
};

struct expectation {
	enum verdict verdict;
	size_t mark; /* the one that applies */
	size_t network; /* of a marked packet: where the IPv6 header is */
	uint32_t mask, value; /* ... what its first word gets, in host byte order */
	uint32_t free; /* ... bits of the mask that may come out as they like */
	uint64_t packets, bytes; /* on the wire */
};

/* gso_segs and gso_size as __sk_buff has them. A frame without Ethernet header has its type
 * in octets 12 and 13, see expect.h. */
struct expectation oracle_ask(const struct oracle *oracle, const struct frame *frame,
			      uint32_t gso_size, uint32_t gso_segs);

#endif
