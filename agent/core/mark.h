/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mark: which packets (match), what is written into them (action), and what people know
 * about it. Plain values without pointers, free to copy.
 */
#ifndef WAYMARK_MARK_H
#define WAYMARK_MARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MARK_COOKIE_MAX 128 /* octets */
#define MARK_OWNER_MAX 255 /* octets */

enum mark_kind { MARK_FLOW = 1, MARK_ENDPOINT, MARK_HOST, MARK_NETWORK };

/* Unused fields and padding are zero, so matches are compared and hashed as bytes.
 * Made by match_parse(). */
struct match {
	uint8_t destination[16];
	uint8_t source[16]; /* FLOW */
	uint16_t source_port; /* host byte order; FLOW */
	uint16_t destination_port; /* host byte order; FLOW, ENDPOINT */
	uint8_t protocol; /* IANA number; FLOW, ENDPOINT */
	uint8_t kind; /* enum mark_kind */
	uint8_t prefix_length; /* 0..128; 128 for all kinds but NETWORK */
	uint8_t padding;
};

_Static_assert(sizeof(struct match) == 40, "matches are compared as bytes");

enum mark_label { MARK_LABEL_NONE, MARK_LABEL_RAW, MARK_LABEL_SCITAG };

/* What the datapath needs to know. */
struct mark_action {
	uint8_t label; /* enum mark_label */
	bool has_dscp;
	uint8_t dscp; /* 0..63 */
	uint8_t activity; /* 0..63; SCITAG */
	uint16_t experiment; /* 1..511; SCITAG */
	uint32_t flow_label; /* 0..0xFFFFF; RAW */
};

struct traffic_count {
	uint64_t packets;
	uint64_t bytes;
};

enum mark_lifetime {
	MARK_FOREVER,
	MARK_TTL, /* a private lease of its own, renewed by setting the mark again */
	MARK_LEASE, /* a lease that it may share */
};

struct mark {
	struct match match;
	struct mark_action action;
	uint8_t lifetime; /* enum mark_lifetime */
	uint64_t lease; /* id of the lease, private or shared; 0: FOREVER */
	uint64_t ttl; /* ns; TTL only */
	uint64_t revision; /* of the last change */
	int64_t create_time; /* ns since 1970 */
	char cookie[MARK_COOKIE_MAX + 1];
	char owner[MARK_OWNER_MAX + 1];
};

/* Why a mark went; numbers are those of waymark.v1.RemovalReason. */
enum removal_reason {
	REMOVAL_CLEARED = 1,
	REMOVAL_REPLACED,
	REMOVAL_EXPIRED,
	REMOVAL_REVOKED,
};

/* What stays of a mark that went: a tombstone. */
struct removal {
	struct match match;
	uint64_t revision; /* of the removal */
	uint8_t reason; /* enum removal_reason */
	struct traffic_count counters; /* final */
	char owner[MARK_OWNER_MAX + 1];
};

/* As an assignment, but for what is behind the ends of the texts. */
static inline void mark_copy(struct mark *to, const struct mark *from)
{
	memcpy(to, from, offsetof(struct mark, cookie));
	memcpy(to->cookie, from->cookie, strlen(from->cookie) + 1);
	memcpy(to->owner, from->owner, strlen(from->owner) + 1);
}

static inline void removal_copy(struct removal *to, const struct removal *from)
{
	memcpy(to, from, offsetof(struct removal, owner));
	memcpy(to->owner, from->owner, strlen(from->owner) + 1);
}

/* Do both write the same bits? */
bool mark_action_equal(const struct mark_action *a, const struct mark_action *b);

#endif
