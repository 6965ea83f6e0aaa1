/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One operation of a group on its way: shared by the files that carry groups out.
 */
#ifndef WAYMARK_STEP_H
#define WAYMARK_STEP_H

#include "core/engine.h"
#include "core/group.h"
#include "core/index.h"
#include "core/lease_queue.h"
#include "datapath/datapath.h"
#include "store/store.h"

struct step {
	struct engine_op *op;
	struct index_entry *entry; /* NULL: the match is new */
	struct mark old; /* the mark that is there, where entry is set */
	struct datapath_change *change; /* NULL: the maps of matches have nothing to do */

	/* What becomes of its lifetime. */
	struct lease *lease; /* that the mark has afterwards; NULL: none */
	struct lease *made; /* by this step: `lease`, to be freed if the step fails */
	int64_t deadline; /* of `lease` from now on */
	uint64_t ttl; /* likewise */

	UT_hash_handle hh; /* in group->by_match */
};

/* Refuses the step: its operation's fault, to be filled. */
struct fault *step_refuse(struct step *step);

#endif
