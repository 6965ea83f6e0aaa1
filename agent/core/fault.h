/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why an operation was refused: the four facts that every refusal carries to the client,
 * however it travels. Filled by whoever refuses, sent by service/.
 */
#ifndef WAYMARK_FAULT_H
#define WAYMARK_FAULT_H

#include <errno.h>
#include <stdint.h>

/* Numbers are those of google.rpc.Code. */
enum fault_code {
	FAULT_NONE = 0,
	FAULT_INVALID_ARGUMENT = 3,
	FAULT_NOT_FOUND = 5,
	FAULT_ALREADY_EXISTS = 6,
	FAULT_PERMISSION_DENIED = 7,
	FAULT_RESOURCE_EXHAUSTED = 8,
	FAULT_FAILED_PRECONDITION = 9,
	FAULT_ABORTED = 10,
	FAULT_OUT_OF_RANGE = 11,
	FAULT_INTERNAL = 13,
	FAULT_UNAVAILABLE = 14,
};

/* What a program may tell apart: ErrorInfo.reason, UPPER_SNAKE. Part of the API. */

/* INVALID_ARGUMENT, about a field of the request: required and not set; set where another
 * field rules it out; a field or an enum value that this API does not have; a number or a
 * length outside its range. */
#define FAULT_REASON_MISSING_FIELD "MISSING_FIELD"
#define FAULT_REASON_UNEXPECTED_FIELD "UNEXPECTED_FIELD"
#define FAULT_REASON_UNKNOWN_FIELD "UNKNOWN_FIELD"
#define FAULT_REASON_OUT_OF_RANGE "OUT_OF_RANGE"

/* INVALID_ARGUMENT, about an address: malformed, or impossible in its place; IPv4 or
 * IPv4-mapped; with a zone (fe80::1%eth0); a prefix with bits set behind its length. */
#define FAULT_REASON_INVALID_ADDRESS "INVALID_ADDRESS"
#define FAULT_REASON_IPV4_UNSUPPORTED "IPV4_UNSUPPORTED"
#define FAULT_REASON_ZONE_UNSUPPORTED "ZONE_UNSUPPORTED"
#define FAULT_REASON_HOST_BITS "HOST_BITS"

/* INVALID_ARGUMENT, about a SciTag: a name that the registry does not have; one that it has
 * several times in other cases; an id and a name that say different things. */
#define FAULT_REASON_UNKNOWN_NAME "UNKNOWN_NAME"
#define FAULT_REASON_AMBIGUOUS_NAME "AMBIGUOUS_NAME"
#define FAULT_REASON_CONFLICT "CONFLICT"
#define FAULT_REASON_PAGE_TOKEN "PAGE_TOKEN" /* not ours, or of another state or filter */

/* NOT_FOUND: there is no such mark. ALREADY_EXISTS: there is one. */
#define FAULT_REASON_MARK "MARK"
/* NOT_FOUND: there is no such lease, or its deadline has passed. */
#define FAULT_REASON_LEASE "LEASE"

/* PERMISSION_DENIED: the mark is another owner's; the caller's role does not allow the call;
 * its rule does not allow this mark. */
#define FAULT_REASON_NOT_OWNER "NOT_OWNER"
#define FAULT_REASON_NO_ACCESS "NO_ACCESS"
#define FAULT_REASON_POLICY "POLICY"

/* FAILED_PRECONDITION: a newer primary of this owner has been seen. */
#define FAULT_REASON_NOT_PRIMARY "NOT_PRIMARY"

/* ABORTED: the call ended before its turn; the mark, or some mark of the owner, has another
 * revision than the call asked for. (rpc/ itself says IDLE of a stream that was silent.) */
#define FAULT_REASON_CANCELLED "CANCELLED"
#define FAULT_REASON_REVISION_MISMATCH "REVISION_MISMATCH"

/* INVALID_ARGUMENT, about a stream: messages in an order or number that makes no sense; a match
 * that was declared already. */
#define FAULT_REASON_PROTOCOL "PROTOCOL"
#define FAULT_REASON_REPEATED_MATCH "REPEATED_MATCH"

/* OUT_OF_RANGE, about resuming a watch. */
#define FAULT_REASON_COMPACTED "COMPACTED"
#define FAULT_REASON_STATE_CHANGED "STATE_CHANGED"

/* RESOURCE_EXHAUSTED: no room for another mark; the owner has all it may have; no memory; a
 * watch that takes nothing; no more watches; the identity calls too often; too many writes wait
 * for their turn. */
#define FAULT_REASON_TABLE_FULL "TABLE_FULL"
#define FAULT_REASON_QUOTA "QUOTA"
#define FAULT_REASON_MEMORY "MEMORY"
#define FAULT_REASON_SLOW_CONSUMER "SLOW_CONSUMER"
#define FAULT_REASON_WATCHERS "WATCHERS"
#define FAULT_REASON_RATE "RATE"
#define FAULT_REASON_BUSY "BUSY"

/* UNAVAILABLE: the agent does not know its marks yet. */
#define FAULT_REASON_STARTING "STARTING"

/* UNAVAILABLE or INTERNAL: the store failed. INTERNAL: the kernel refused a map write. */
#define FAULT_REASON_STORE "STORE"
#define FAULT_REASON_DATAPATH "DATAPATH"

/* INVALID_ARGUMENT, about a registry file; never leaves the host. */
#define FAULT_REASON_REGISTRY "REGISTRY"

struct fault {
	enum fault_code code;
	const char *reason; /* FAULT_REASON_... */
	const char *subject; /* RESOURCE_EXHAUSTED: of what there is no more; NULL: none */
	char field[64]; /* path in the request; empty if no field is to blame */
	char message[256]; /* one sentence that names the field's value; UTF-8 if that is */
};

/* Fills *fault but for its subject, which becomes NULL (a NULL fault is fine), and returns
 * -EINVAL, so that `return fault_set(...)` reads well. field may be NULL. What does not fit
 * ends in "...". */
__attribute__((format(printf, 5, 6))) int fault_set(struct fault *fault, enum fault_code code,
						    const char *reason, const char *field,
						    const char *format, ...);

/* The most frequent kind. The value is spelled out for tools that see one file at a time. */
#define fault_invalid(fault, reason, field, ...)                                      \
	({                                                                            \
		fault_set(fault, FAULT_INVALID_ARGUMENT, reason, field, __VA_ARGS__); \
		-EINVAL;                                                              \
	})

/* Puts "outer." before the field's path; an empty path becomes "outer". NULL is fine. */
void fault_prefix(struct fault *fault, const char *outer);

#endif
