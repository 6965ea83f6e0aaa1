/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares the kernel's maps with the index, in slices that the writer fits in between its
 * groups: somebody may have used bpftool. The writer's thread only.
 */
#ifndef WAYMARK_AUDIT_H
#define WAYMARK_AUDIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/group.h"
#include "datapath/datapath.h"

struct audit {
	int64_t interval; /* ns between the starts of two rounds; 0: none */
	int64_t next; /* CLOCK_BOOTTIME of the next slice */
	int64_t started; /* likewise, of the round */
	bool sweeping; /* marks are checked, strays are looked for */
	uint64_t revision; /* marks up to here are checked */
	struct datapath_cursor cursor;
	uint64_t round_repairs;
	atomic_uint_fast64_t repairs; /* since the start; any thread may read it */
};

/* One slice, which ends the round or makes the next slice due at once. Returns the repairs of
 * the round if that is over and there were any, else 0. */
uint64_t audit_slice(struct audit *audit, struct group *group);

#endif
