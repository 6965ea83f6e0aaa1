/* SPDX-License-Identifier: Apache-2.0 */
#include "core/mark.h"

static bool label_equal(const struct mark_action *a, const struct mark_action *b)
{
	switch (a->label) {
	case MARK_LABEL_RAW:
		return a->flow_label == b->flow_label;
	case MARK_LABEL_SCITAG:
		return a->experiment == b->experiment && a->activity == b->activity;
	default:
		return true;
	}
}

bool mark_action_equal(const struct mark_action *a, const struct mark_action *b)
{
	return a->label == b->label && label_equal(a, b) && a->has_dscp == b->has_dscp &&
	       (!a->has_dscp || a->dscp == b->dscp);
}
