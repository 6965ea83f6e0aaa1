/* SPDX-License-Identifier: Apache-2.0 */
#include "value.h"

#include <string.h>

#include "agent/core/scitag.h"

#define REFUSE(...) ((void)snprintf(reason, REASON_MAX, __VA_ARGS__), false)

/* XRootD's and gfal's range of EXP<<6|ACT, of which the label carries half. */
#define PROTOCOL_VALUE_MIN 65
#define PROTOCOL_VALUE_MAX 65535

static bool is_number(const char *text)
{
	return *text && !text[strspn(text, "0123456789")];
}

/* Says what a number would be if it came from a flow label. */
static bool refuse_label(const char *text, uint32_t label, char reason[static REASON_MAX])
{
	uint16_t experiment;
	uint8_t activity;

	scitag_decode(label, &experiment, &activity);
	return REFUSE("neither EXP/ACT nor a protocol value in %d..%d with an experiment in "
		      "1..%d; as a flow label it means %u/%u: write --scitag %u/%u, or --label "
		      "%s for the raw label",
		      PROTOCOL_VALUE_MIN, PROTOCOL_VALUE_MAX, SCITAG_EXPERIMENT_MAX, experiment,
		      activity, experiment, activity, text);
}

/* A number without a slash: an experiment below 64, a protocol value from 65 on. */
static bool bare_read(const char *text, struct value_scitag *value,
		      char reason[static REASON_MAX])
{
	struct value_number label = {0};
	uint64_t number;

	if (number_read(text, 1, SCITAG_ACTIVITY_MAX, &number)) {
		value->experiment_id = (uint32_t)number;
		return true;
	}
	if (number_read(text, PROTOCOL_VALUE_MIN, PROTOCOL_VALUE_MAX, &number) &&
	    number >> 6 <= SCITAG_EXPERIMENT_MAX) {
		value->experiment_id = (uint32_t)(number >> 6);
		value->activity_id = (uint32_t)(number & SCITAG_ACTIVITY_MAX);
		return true;
	}
	if (read_label(text, &label, reason) && label.number > PROTOCOL_VALUE_MIN)
		return refuse_label(text, label.number, reason);
	return REFUSE("neither EXP/ACT nor a protocol value in %d..%d", PROTOCOL_VALUE_MIN,
		      PROTOCOL_VALUE_MAX);
}

static bool half_read(const char *text, size_t length, const char *what, uint32_t minimum,
		      uint32_t maximum, uint32_t *ret_id, char ret_name[SCITAG_NAME_MAX + 1],
		      char reason[static REASON_MAX])
{
	char half[SCITAG_NAME_MAX + 1];
	uint64_t id;

	if (!length)
		return REFUSE("the %s is empty", what);
	if (length >= sizeof(half))
		return REFUSE("the %s is longer than %d octets", what, SCITAG_NAME_MAX);
	(void)snprintf(half, sizeof(half), "%.*s", (int)length, text);
	if (!is_number(half)) {
		memcpy(ret_name, half, sizeof(half));
		return true;
	}
	if (!number_read(half, minimum, maximum, &id))
		return REFUSE("%s %s is not in %u..%u", what, half, minimum, maximum);
	*ret_id = (uint32_t)id;
	return true;
}

bool read_scitag(const char *text, void *ret, char reason[static REASON_MAX])
{
	struct value_scitag value = {.given = true};
	/* Activities may have slashes ("Upload/Download (User)"), experiments have none. */
	size_t experiment = strcspn(text, "/");
	bool bare = !text[experiment];
	bool valid;

	if (bare && (is_number(text) || strncmp(text, "0x", 2) == 0))
		valid = bare_read(text, &value, reason);
	else
		valid = half_read(text, experiment, "experiment", 1, SCITAG_EXPERIMENT_MAX,
				  &value.experiment_id, value.experiment, reason);
	if (valid && !bare) {
		const char *activity = text + experiment + 1;

		valid = half_read(activity, strlen(activity), "activity", 0,
				  SCITAG_ACTIVITY_MAX, &value.activity_id, value.activity,
				  reason);
	}
	if (valid)
		*(struct value_scitag *)ret = value;
	return valid;
}
