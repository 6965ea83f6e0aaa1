/* SPDX-License-Identifier: Apache-2.0 */
#include "mark_check.h"

#include <string.h>

#include "agent/core/match.h"
#include "agent/core/scitag.h"

static int out_of_range(struct fault *fault, const char *field, uint32_t value,
			uint32_t maximum)
{
	return fault_invalid(fault, FAULT_REASON_OUT_OF_RANGE, field, "%s %u: not in 0..%u",
			     field, value, maximum);
}

static int match_check(const Waymark__V1__Match *match, struct fault *fault)
{
	struct match parsed;

	if (!match)
		return fault_invalid(fault, FAULT_REASON_MISSING_FIELD, "",
				     "a match is required");
	return match_parse(&(struct match_text){.destination = match->destination,
						.source = match->source,
						.protocol = match->protocol,
						.source_port = match->source_port,
						.destination_port = match->destination_port},
			   &parsed, fault);
}

static int scitag_check(const Waymark__V1__Scitag *scitag, struct fault *fault)
{
	if (!scitag->experiment_id && !*scitag->experiment)
		return fault_invalid(fault, FAULT_REASON_MISSING_FIELD, "scitag.experiment_id",
				     "an experiment is required, by id or name");
	if (scitag->experiment_id > SCITAG_EXPERIMENT_MAX)
		return out_of_range(fault, "scitag.experiment_id", scitag->experiment_id,
				    SCITAG_EXPERIMENT_MAX);
	if (scitag->activity_id > SCITAG_ACTIVITY_MAX)
		return out_of_range(fault, "scitag.activity_id", scitag->activity_id,
				    SCITAG_ACTIVITY_MAX);
	return 0;
}

static int action_check(const Waymark__V1__Mark *mark, struct fault *fault)
{
	const bool has_dscp = mark->dscp_choice_case == WAYMARK__V1__MARK__DSCP_CHOICE_DSCP;

	if (!mark->label_case && !has_dscp)
		return fault_invalid(fault, FAULT_REASON_MISSING_FIELD, "label",
				     "a mark needs flowLabel, scitag or dscp");
	if (has_dscp && mark->dscp > 63)
		return out_of_range(fault, "dscp", mark->dscp, 63);
	if (mark->label_case == WAYMARK__V1__MARK__LABEL_SCITAG)
		return scitag_check(mark->scitag, fault);
	if (mark->label_case == WAYMARK__V1__MARK__LABEL_FLOW_LABEL &&
	    mark->flow_label > SCITAG_LABEL_MAX)
		return out_of_range(fault, "flow_label", mark->flow_label, SCITAG_LABEL_MAX);
	return 0;
}

static int mark_check(const Waymark__V1__Mark *mark, struct fault *fault)
{
	int r = match_check(mark->match, fault);

	if (r < 0) {
		fault_prefix(fault, "match");
		return r;
	}
	if (strlen(mark->cookie) > MARK_COOKIE_MAX)
		return fault_invalid(fault, FAULT_REASON_OUT_OF_RANGE, "cookie",
				     "cookie of %zu octets: not in 0..%d", strlen(mark->cookie),
				     MARK_COOKIE_MAX);
	return action_check(mark, fault);
}

int update_check(const Waymark__V1__MarkUpdate *update, struct fault *fault)
{
	int r;

	if (update->update_case == WAYMARK__V1__MARK_UPDATE__UPDATE_SET) {
		r = mark_check(update->set, fault);
		if (r < 0)
			fault_prefix(fault, "set");
		return r;
	}
	if (update->update_case == WAYMARK__V1__MARK_UPDATE__UPDATE_CLEAR) {
		r = match_check(update->clear, fault);
		if (r < 0)
			fault_prefix(fault, "clear");
		return r;
	}
	return fault_invalid(fault, FAULT_REASON_MISSING_FIELD, "",
			     "an update needs set or clear");
}
