/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The marks that a ReplaceMarks stream has declared so far: nothing of them is applied yet. One
 * thread at a time; the budget is shared by all.
 */
#ifndef WAYMARK_STAGING_H
#define WAYMARK_STAGING_H

#include <stdatomic.h>

#include "core/engine.h"
#include "rpc/arena.h"

/* What all streams together may hold: room for every mark that the tables take, each with the
 * longest cookie, or refused with its reason. Ordinary marks need a third of it. */
#define STAGING_OCTETS_PER_MARK 640

struct staging {
	struct engine_update *updates; /* all SET; no match twice */
	size_t n;

	/* The staging's own. */
	size_t room; /* of updates */
	size_t marks_max;
	uint32_t *places; /* hash table of 1 + index into updates; 0: free */
	size_t n_places; /* a power of two */
	uint64_t seed;
	struct arena cookies;
	const char *last_cookie;
	size_t faults;
	size_t charged; /* octets, to the budget */
	atomic_size_t *used;
	size_t octets_max;
};

/* For at most marks_max marks. *used: octets that all stagings hold, together at most
 * octets_max. Must not move afterwards. */
void staging_init(struct staging *staging, size_t marks_max, atomic_size_t *used,
		  size_t octets_max);

/* Adds a copy of a setting and of its cookie; with a copy of the fault, if it was refused
 * (NULL: it was not). 0; -EEXIST: its match was added before; -ENOSPC: there are marks_max
 * already; -ENOMEM: no memory, or the budget is used up. */
int staging_add(struct staging *staging, const struct engine_update *update,
		const struct fault *fault);

/* Frees all; the faults only if engine_op_done() has not done so. */
void staging_done(struct staging *staging);

#endif
