/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Marks and removals <-> the octets that are kept (waymark.store.v1.Record). Pure functions,
 * any thread.
 */
#ifndef WAYMARK_STORE_RECORD_H
#define WAYMARK_STORE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/mark.h"

/* Octets of a record that this version writes, at most. */
#define RECORD_SIZE_MAX 1024

struct record {
	uint64_t supersedes; /* revision; 0: none */
	bool is_removal;
	union {
		struct mark mark;
		struct removal removal;
	};
};

/* Write at most RECORD_SIZE_MAX octets; return how many. */
size_t record_write_mark(const struct mark *mark, uint64_t supersedes, uint8_t *ret);
size_t record_write_removal(const struct removal *removal, uint64_t supersedes, uint8_t *ret);

/* Reads the record of this revision, and checks all that makes a mark or a removal what it
 * is. Unknown fields do not matter. 0 or -EBADMSG; *ret is undefined on failure, and always
 * behind the ends of its texts. */
int record_read(uint64_t revision, const void *bytes, size_t size, struct record *ret);

#endif
