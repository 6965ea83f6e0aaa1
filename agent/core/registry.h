/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SciTags registry: names of experiments and their activities, in the JSON form that
 * scitags.org publishes. Never changes once it is read, so any thread may look at it.
 */
#ifndef WAYMARK_REGISTRY_H
#define WAYMARK_REGISTRY_H

#include <stddef.h>
#include <stdint.h>

#include "core/fault.h"

#define SCITAG_EXPERIMENT_MAX 511 /* ids are 1..511 */
#define SCITAG_ACTIVITY_MAX 63 /* ids are 0..63; 0 where the activity is not known */

/* Octets of a name. */
#define REGISTRY_NAME_MAX 128

struct registry;

/* Reads a registry from JSON text; unknown keys are ignored. 0, -ENOMEM, or -EINVAL with a
 * fault that names the line of bad JSON, or the member that is wrong:
 * "experiments[3].expId 512: not in 1..511". *ret is untouched on failure. */
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

/* The id of a name: exact if there is one, else the only one that differs in ASCII case alone.
 * -ENOENT if there is none, -ENOTUNIQ if there are several. */
int registry_find_experiment(const struct registry *registry, const char *name);
int registry_find_activity(const struct registry *registry, uint16_t experiment,
			   const char *name);

/* Calls `each` for every pair, by experiment then activity, until it returns non-zero;
 * returns that. */
int registry_each(const struct registry *registry,
		  int (*each)(uint16_t experiment, const char *experiment_name,
			      uint8_t activity, const char *activity_name, void *user),
		  void *user);

#endif
