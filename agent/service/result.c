/* SPDX-License-Identifier: Apache-2.0 */
#include "service/result.h"

#include <errno.h>
#include <stdlib.h>

#include "service/service.h"
#include "service/wire.h"

/* Clients take 4 MiB unless told otherwise. A result has the texts of a fault, a reason and
 * small numbers, or no error and counters. */
#define RESPONSE_MAX (4 * 1024 * 1024)
#define RESULT_REST 80

_Static_assert(SERVICE_UPDATES_MAX *(sizeof(((struct fault *)NULL)->field) +
				     sizeof(((struct fault *)NULL)->message) + RESULT_REST) <
		       RESPONSE_MAX,
	       "ten thousand failures fit into an answer");

/* A message with everything that it points to. */
struct result {
	Waymark__V1__UpdateResult message;
	Waymark__V1__UpdateError error;
	Waymark__V1__Counters counters;
};

int result_list_init(struct result_list *list, size_t max)
{
	list->results = calloc(max + 1, sizeof(*list->results));
	list->messages = calloc(max + 1, sizeof(Waymark__V1__UpdateResult *));
	list->max = max;
	return list->results && list->messages ? 0 : -ENOMEM;
}

static void write_error(struct result *result, const struct fault *fault)
{
	waymark__v1__update_error__init(&result->error);
	result->error.code = (int32_t)fault->code;
	result->error.reason = (char *)fault->reason;
	result->error.field = (char *)fault->field;
	result->error.message = (char *)fault->message;
	result->message.error = &result->error;
}

static void write_outcome(struct result *result, const struct engine_update *update)
{
	result->message.outcome = wire_outcome(update->outcome);
	result->message.revision = update->revision;
	if (update->outcome != OUTCOME_REMOVED)
		return;
	wire_write_counters(&result->counters, update->counters);
	result->message.final_counters = &result->counters;
}

static void result_add(struct result_list *list, const struct engine_update *update,
		       uint32_t index)
{
	struct result *result = &list->results[list->n];

	waymark__v1__update_result__init(&result->message);
	result->message.index = index;
	if (update->fault)
		write_error(result, update->fault);
	else
		write_outcome(result, update);
	list->messages[list->n++] = &result->message;
}

void result_list_fill(struct result_list *list, const struct engine_update *updates, size_t n,
		      bool only_failures)
{
	for (size_t i = 0; i < n && list->n < list->max; i++)
		if (updates[i].fault || !only_failures)
			result_add(list, &updates[i], (uint32_t)i);
}

void result_list_done(struct result_list *list)
{
	free(list->results);
	free(list->messages);
	*list = (struct result_list){.n = 0};
}
