/* SPDX-License-Identifier: Apache-2.0 */
#include "core/scitag.h"

#include <errno.h>
#include <stdbool.h>

#define EXPERIMENT_SHIFT 9
#define ACTIVITY_SHIFT 2

/* The draft writes the experiment's 9 bits in reversed order. */
static uint16_t reverse_9_bits(uint16_t bits)
{
	uint16_t reversed = 0;

	for (int i = 0; i < 9; i++)
		reversed |= (uint16_t)((bits >> i & 1) << (8 - i));
	return reversed;
}

uint32_t scitag_encode(uint16_t experiment, uint8_t activity)
{
	return (uint32_t)reverse_9_bits(experiment) << EXPERIMENT_SHIFT |
	       (uint32_t)activity << ACTIVITY_SHIFT;
}

void scitag_decode(uint32_t label, uint16_t *ret_experiment, uint8_t *ret_activity)
{
	*ret_experiment = reverse_9_bits(label >> EXPERIMENT_SHIFT & SCITAG_EXPERIMENT_MAX);
	*ret_activity = label >> ACTIVITY_SHIFT & SCITAG_ACTIVITY_MAX;
}

/* ---- names ---- */

static bool is_given(const char *name)
{
	return name && name[0];
}

static int refuse_name(int error, const char *field, const char *name, struct fault *fault)
{
	if (error == -ENOTUNIQ)
		return fault_invalid(fault, FAULT_REASON_AMBIGUOUS_NAME, field,
				     "%s \"%s\": several names differ only in case; spell "
				     "it exactly",
				     field, name);
	return fault_invalid(fault, FAULT_REASON_UNKNOWN_NAME, field,
			     "%s \"%s\": not in the registry", field, name);
}

/* `id` is what `name` stands for, `given` what the request says (0: nothing). */
static int check_agreement(const char *field, const char *name, uint32_t id, uint32_t given,
			   struct fault *fault)
{
	if (given == 0 || given == id)
		return 0;
	return fault_invalid(fault, FAULT_REASON_CONFLICT, field,
			     "%s \"%s\" is %u in the registry, but %s_id is %u", field, name,
			     id, field, given);
}

static int resolve_experiment(const struct registry *registry, const struct scitag_text *text,
			      struct fault *fault)
{
	int id;

	if (text->experiment_id > SCITAG_EXPERIMENT_MAX)
		return fault_invalid(fault, FAULT_REASON_OUT_OF_RANGE, "experiment_id",
				     "experiment_id %u: not in 1..%d", text->experiment_id,
				     SCITAG_EXPERIMENT_MAX);
	if (!is_given(text->experiment) && text->experiment_id == 0)
		return fault_invalid(fault, FAULT_REASON_MISSING_FIELD, "experiment_id",
				     "a scitag needs experiment_id or experiment");
	if (!is_given(text->experiment))
		return (int)text->experiment_id;
	id = registry_find_experiment(registry, text->experiment);
	if (id < 0)
		return refuse_name(id, "experiment", text->experiment, fault);
	return check_agreement("experiment", text->experiment, (uint32_t)id,
			       text->experiment_id, fault)
		       ?: id;
}

static int resolve_activity(const struct registry *registry, const struct scitag_text *text,
			    uint16_t experiment, struct fault *fault)
{
	int id;

	if (text->activity_id > SCITAG_ACTIVITY_MAX)
		return fault_invalid(fault, FAULT_REASON_OUT_OF_RANGE, "activity_id",
				     "activity_id %u: not in 0..%d", text->activity_id,
				     SCITAG_ACTIVITY_MAX);
	if (!is_given(text->activity))
		return (int)text->activity_id;
	if (!registry_experiment_name(registry, experiment))
		return fault_invalid(fault, FAULT_REASON_UNKNOWN_NAME, "activity",
				     "activity \"%s\": experiment %u is not in the "
				     "registry, so its activities have no names",
				     text->activity, experiment);
	id = registry_find_activity(registry, experiment, text->activity);
	if (id < 0)
		return refuse_name(id, "activity", text->activity, fault);
	return check_agreement("activity", text->activity, (uint32_t)id, text->activity_id,
			       fault)
		       ?: id;
}

int scitag_resolve(const struct registry *registry, const struct scitag_text *text,
		   uint16_t *ret_experiment, uint8_t *ret_activity, struct fault *fault)
{
	int experiment, activity;

	experiment = resolve_experiment(registry, text, fault);
	if (experiment < 0)
		return experiment;
	activity = resolve_activity(registry, text, (uint16_t)experiment, fault);
	if (activity < 0)
		return activity;
	*ret_experiment = (uint16_t)experiment;
	*ret_activity = (uint8_t)activity;
	return 0;
}
