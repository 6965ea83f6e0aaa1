/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/word.h"

#include "bpf/abi.h"
#include "core/scitag.h"

uint64_t word_encode(const struct mark_action *action, uint32_t lease)
{
	uint64_t word = 0;

	if (action->label == MARK_LABEL_RAW)
		word = WORD_HAS_RAW | (action->flow_label & WORD_LABEL_MASK);
	else if (action->label == MARK_LABEL_SCITAG)
		word = WORD_HAS_SCITAG | scitag_encode(action->experiment, action->activity);
	if (action->has_dscp)
		word |= WORD_HAS_DSCP | (action->dscp & WORD_DSCP_MASK) << WORD_DSCP_SHIFT;
	return word | (uint64_t)lease << WORD_LEASE_SHIFT;
}

struct mark_action word_decode(uint64_t word)
{
	struct mark_action action = {0};
	uint32_t label = (uint32_t)(word & WORD_LABEL_MASK);

	if (word & WORD_HAS_RAW) {
		action.label = MARK_LABEL_RAW;
		action.flow_label = label;
	} else if (word & WORD_HAS_SCITAG) {
		action.label = MARK_LABEL_SCITAG;
		scitag_decode(label, &action.experiment, &action.activity);
	}
	if (word & WORD_HAS_DSCP) {
		action.has_dscp = true;
		action.dscp = (uint8_t)(word >> WORD_DSCP_SHIFT & WORD_DSCP_MASK);
	}
	return action;
}
