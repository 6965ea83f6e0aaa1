/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers of the fields of a record, as waymark/store/v1/store.proto has them. Part of
 * record.h.
 */
#ifndef WAYMARK_STORE_RECORD_FIELD_H
#define WAYMARK_STORE_RECORD_FIELD_H

enum record_field {
	RECORD_SUPERSEDES = 1,
	RECORD_MARK,
	RECORD_TOMBSTONE,
	RECORD_LEASE_ID,
	RECORD_TTL_NS,
};

enum tombstone_field {
	TOMBSTONE_MATCH = 1,
	TOMBSTONE_OWNER,
	TOMBSTONE_REASON,
	TOMBSTONE_COUNTERS,
};

#endif
