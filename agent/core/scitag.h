/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SciTags: the 20-bit flow label of draft-cc-v6ops-wlcg-flow-label-marking, and the registry
 * of names in the JSON form that scitags.org publishes. Shared with the command line.
 * Pure functions; a registry never changes once it is read, so any thread may look at it.
 */
#ifndef WAYMARK_SCITAG_H
#define WAYMARK_SCITAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/fault.h"

#define SCITAG_EXPERIMENT_MAX 511
#define SCITAG_ACTIVITY_MAX 63
#define SCITAG_LABEL_MAX 0xFFFFF
/* Bits of the label that say experiment and activity; the others are entropy. */
#define SCITAG_STRUCTURAL_MASK 0x3FEFC

/* Structural label, entropy bits zero. experiment 0..511, activity 0..63. */
uint32_t scitag_encode(uint16_t experiment, uint8_t activity);

/* Inverse of scitag_encode() for any 20-bit label; entropy bits are ignored. */
void scitag_decode(uint32_t label, uint16_t *ret_experiment, uint8_t *ret_activity);

struct registry;

/* Reads a registry from JSON text. 0, -ENOMEM, or -EINVAL with the reason and the line in the
 * fault's message. *ret is untouched on failure. */
int registry_parse(const char *json, size_t length, struct registry **ret, struct fault *fault);

/* The registry that the program was built with; never fails but for -ENOMEM. */
int registry_builtin(struct registry **ret);

void registry_free(struct registry *registry);

/* "modified" of the file; "" if it has none. */
const char *registry_modified(const struct registry *registry);

/* Names; NULL where unknown. */
const char *registry_experiment_name(const struct registry *registry, uint16_t experiment);
const char *registry_activity_name(const struct registry *registry, uint16_t experiment,
				   uint8_t activity);

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

/* Calls `each` for every pair, by experiment then activity, until it returns non-zero;
 * returns that. */
int registry_each(const struct registry *registry,
		  int (*each)(uint16_t experiment, const char *experiment_name,
			      uint8_t activity, const char *activity_name, void *user),
		  void *user);

#endif
