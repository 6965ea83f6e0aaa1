/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SciTags: the 20-bit flow label of draft-cc-v6ops-wlcg-flow-label-marking, and the words in
 * which people give one. Shared with the command line. Pure functions, any thread.
 */
#ifndef WAYMARK_SCITAG_H
#define WAYMARK_SCITAG_H

#include <stdint.h>

#include "core/fault.h"
#include "core/registry.h"

#define SCITAG_LABEL_MAX 0xFFFFF
/* Bits of the label that say experiment and activity; the others are entropy. */
#define SCITAG_STRUCTURAL_MASK 0x3FEFC

/* Structural label, entropy bits zero. experiment 0..511, activity 0..63. */
uint32_t scitag_encode(uint16_t experiment, uint8_t activity);

/* Inverse of scitag_encode() for any 20-bit label; entropy bits are ignored. */
void scitag_decode(uint32_t label, uint16_t *ret_experiment, uint8_t *ret_activity);

/* A SciTag as people write it: each half by id, by name, or by both. */
struct scitag_text {
	uint32_t experiment_id; /* 0: not given */
	uint32_t activity_id; /* 0: not given */
	const char *experiment; /* "" or NULL: not given */
	const char *activity; /* "" or NULL: not given */
};

/* Resolves names and checks ranges and agreement (api.md 7). 0, or -EINVAL with the fault's
 * field relative to the scitag ("experiment_id"). */
int scitag_resolve(const struct registry *registry, const struct scitag_text *text,
		   uint16_t *ret_experiment, uint8_t *ret_activity, struct fault *fault);

#endif
