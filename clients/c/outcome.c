/* SPDX-License-Identifier: Apache-2.0 */
#include "outcome.h"

#include <string.h>

#include <grpc/slice.h>

#include "error.h"

/* What the C core calls a channel whose credentials can open no connection. */
#define UNUSABLE_CREDENTIALS "empty address list"

void outcome_init(struct outcome *outcome)
{
	*outcome = (struct outcome){.details = grpc_empty_slice()};
	grpc_metadata_array_init(&outcome->trailing);
}

void outcome_done(struct outcome *outcome)
{
	grpc_metadata_array_destroy(&outcome->trailing);
	grpc_slice_unref(outcome->details);
}

grpc_op outcome_receive(struct outcome *outcome)
{
	return (grpc_op){
		.op = GRPC_OP_RECV_STATUS_ON_CLIENT,
		.data.recv_status_on_client = {.trailing_metadata = &outcome->trailing,
					       .status = &outcome->code,
					       .status_details = &outcome->details},
	};
}

/* The call's message, where it says something. */
static void outcome_message(const struct outcome *outcome, struct waymark_error *error)
{
	const grpc_slice *details = &outcome->details;

	(void)error_set(error, (int)outcome->code, "", "%.*s", (int)GRPC_SLICE_LENGTH(*details),
			(const char *)GRPC_SLICE_START_PTR(*details));
	if (!error->message[0])
		(void)error_set(error, error->code, "", "the agent answered %s",
				waymark_code_name(error->code));
	if (strncmp(error->message, UNUSABLE_CREDENTIALS, strlen(UNUSABLE_CREDENTIALS)) != 0)
		return;
	(void)error_set(error, error->code, "",
			"no connection can be made: TLS certificate and key do not belong "
			"together, or one of the files is damaged");
	error->retry_after_ms = -1;
}

static bool is_key(const grpc_metadata *trailer, const char *key)
{
	return grpc_slice_str_cmp(trailer->key, key) == 0;
}

int outcome_error(const struct outcome *outcome, struct waymark_error *error)
{
	const grpc_metadata_array *trailing = &outcome->trailing;

	if (!outcome->code)
		return 0;
	outcome_message(outcome, error);
	for (size_t i = 0; i < trailing->count; i++) {
		const grpc_metadata *trailer = &trailing->metadata[i];

		if (is_key(trailer, "grpc-status-details-bin"))
			error_add_details(error, GRPC_SLICE_START_PTR(trailer->value),
					  GRPC_SLICE_LENGTH(trailer->value));
	}
	/* What is said to the transport holds over what is said to people. */
	for (size_t i = 0; i < trailing->count; i++) {
		const grpc_metadata *trailer = &trailing->metadata[i];

		if (is_key(trailer, "grpc-retry-pushback-ms"))
			error_add_pushback(error,
					   (const char *)GRPC_SLICE_START_PTR(trailer->value),
					   GRPC_SLICE_LENGTH(trailer->value));
	}
	return error->code;
}
