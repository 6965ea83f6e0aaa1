/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts that clients give: two lines of text, behind an octet that says of what. What is
 * accepted must read the same once it is written as we write it.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/match.h"
#include "core/scitag.h"
#include "service/page_token.h"

#define TEXT_MAX 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
	if (!truth)
		abort();
}

static void check_match(const char *first, const char *second, unsigned int numbers)
{
	struct match_text text = {.destination = first,
				  .source = second,
				  .protocol = numbers & 8 ? 6 : 0,
				  .source_port = numbers & 16 ? 1094 : 0,
				  .destination_port = numbers & 32 ? 443 : 0};
	char destination[MATCH_ADDRESS_TEXT_MAX], source[MATCH_ADDRESS_TEXT_MAX];
	struct match match, again;
	struct fault fault;

	if (match_parse(&text, &match, &fault)) {
		require(fault.code == FAULT_INVALID_ARGUMENT && fault.message[0]);
		return;
	}
	match_destination_text(&match, destination);
	match_source_text(&match, source);
	text.destination = destination;
	text.source = source;
	require(!match_parse(&text, &again, &fault));
	require(!memcmp(&match, &again, sizeof(match)));
}

static void check_scitag(const char *first, const char *second, unsigned int numbers)
{
	static struct registry *registry;
	const struct scitag_text text = {.experiment = first,
					 .activity = second,
					 .experiment_id = numbers & 8 ? numbers * 3 : 0,
					 .activity_id = numbers & 16 ? numbers >> 2 : 0};
	uint16_t experiment, decoded_experiment;
	uint8_t activity, decoded_activity;
	struct fault fault;

	if (!registry)
		require(!registry_builtin(&registry));
	if (scitag_resolve(registry, &text, &experiment, &activity, &fault))
		return;
	scitag_decode(scitag_encode(experiment, activity), &decoded_experiment,
		      &decoded_activity);
	require(experiment == decoded_experiment && activity == decoded_activity);
}

static void check_page_token(const char *text)
{
	struct page_token token, again;
	char written[PAGE_TOKEN_TEXT_SIZE];

	if (page_token_read(text, &token))
		return;
	page_token_write(&token, written);
	require(!strcasecmp(text, written));
	require(!page_token_read(written, &again));
	require(!memcmp(token.state_id, again.state_id, sizeof(token.state_id)) &&
		token.filter == again.filter && token.position == again.position);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char first[TEXT_MAX] = "";
	char *second;

	if (size < 1 || size > sizeof(first))
		return 0;
	memcpy(first, data + 1, size - 1);
	second = strchrnul(first, '\n');
	if (*second)
		*second++ = '\0';
	switch (data[0] % 3) {
	case 0:
		check_match(first, second, data[0]);
		break;
	case 1:
		check_scitag(first, second, data[0]);
		break;
	case 2:
		check_page_token(first);
		break;
	}
	return 0;
}
