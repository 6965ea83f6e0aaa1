/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One change of one mark on its way through a group, from the decision to the answer.
 */
#ifndef WAYMARK_STEP_H
#define WAYMARK_STEP_H

#include "core/engine.h"
#include "core/index.h"
#include "datapath/datapath.h"

/* What there is under a match at one moment. */
struct state {
	bool exists;
	uint32_t slot; /* 0: the kernel has no entry (yet) */
	struct mark_action action;
	struct lease *lease; /* NULL: for ever */
	struct index_owner *owner;
	const struct engine_update *setter; /* that made it so in this group; NULL: the store
					     * has the mark */
	uint64_t revision; /* in the store; of a setter it is known once it is recorded */
	int64_t create_time;
};

struct step {
	const struct match *match;
	uint32_t hash; /* match_hash() */
	struct engine_op *op; /* NULL: the engine's own */
	struct engine_update *update; /* of `op`; NULL: a removal that it brings about */
	struct index_entry *entry; /* before the group; NULL: the match was new */
	struct step *before; /* the step of the same match before this one; NULL: none */
	/* The first step of the same match, in which `latest` is the newest one; NULL: the step
	 * has no effect. */
	struct step *first, *latest;
	struct state was, is;
	uint8_t outcome; /* enum outcome; NONE: refused */
	uint8_t reason; /* REMOVED: enum removal_reason */
	bool in_kernel; /* what is to be done there is done */
	bool has_change; /* a change of the maps belongs to that: */
	enum datapath_verb verb;
	struct index_entry *added; /* CREATED: for the index */
	struct lease *made; /* by this step: is.lease, until it is published */
	bool renews; /* is.lease->next_deadline is this step's */
	int64_t old_deadline; /* renews: what it was */
	uint64_t old_ttl; /* likewise */
	bool answered; /* the kernel has refused it, and whoever asked knows */
	uint64_t revision; /* of the change */
	struct traffic_count counters; /* REMOVED: final */
};

/* Does it make a revision? */
static inline bool step_changes(const struct step *step)
{
	return step->outcome == OUTCOME_CREATED || step->outcome == OUTCOME_UPDATED ||
	       step->outcome == OUTCOME_REMOVED;
}

#endif
