/* SPDX-License-Identifier: Apache-2.0 */
#include "service/page_token.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define VERSION 1

/* Where the parts are. */
enum { AT_STATE_ID = 1, AT_FILTER = 17, AT_POSITION = 25, OCTETS = 33 };

_Static_assert(2 * OCTETS + 1 == PAGE_TOKEN_TEXT_SIZE, "hex and NUL");

static void put_number(uint8_t *to, uint64_t number)
{
	number = htobe64(number);
	memcpy(to, &number, sizeof(number));
}

static uint64_t get_number(const uint8_t *from)
{
	uint64_t number;

	memcpy(&number, from, sizeof(number));
	return be64toh(number);
}

void page_token_write(const struct page_token *token, char text[static PAGE_TOKEN_TEXT_SIZE])
{
	uint8_t octets[OCTETS] = {VERSION};

	memcpy(octets + AT_STATE_ID, token->state_id, sizeof(token->state_id));
	put_number(octets + AT_FILTER, token->filter);
	put_number(octets + AT_POSITION, token->position);
	for (size_t i = 0; i < OCTETS; i++)
		snprintf(text + 2 * i, 3, "%02x", octets[i]);
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int page_token_read(const char *text, struct page_token *ret)
{
	uint8_t octets[OCTETS] = {0};

	if (strlen(text) != 2 * OCTETS)
		return -EINVAL;
	for (size_t i = 0; i < OCTETS; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		octets[i] = (uint8_t)(high << 4 | low);
	}
	if (octets[0] != VERSION)
		return -EINVAL;
	memcpy(ret->state_id, octets + AT_STATE_ID, sizeof(ret->state_id));
	ret->filter = get_number(octets + AT_FILTER);
	ret->position = get_number(octets + AT_POSITION);
	return 0;
}

int page_token_resume(const char *text, const struct page_token *expected, uint64_t *ret_after,
		      struct fault *fault)
{
	struct page_token token;

	if (!text[0])
		return 0;
	if (page_token_read(text, &token) < 0)
		return fault_set(fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_PAGE_TOKEN,
				 "page_token", "page_token is not one that this agent made");
	if (memcmp(token.state_id, expected->state_id, sizeof(token.state_id)) != 0)
		return fault_set(fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_PAGE_TOKEN,
				 "page_token", "page_token is of another state; begin again");
	if (token.filter != expected->filter)
		return fault_set(fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_PAGE_TOKEN,
				 "page_token", "page_token was made for another filter");
	*ret_after = token.position;
	return 0;
}

/* FNV-1a, 64 bits. */
uint64_t page_token_hash(uint64_t hash, const void *data, size_t size)
{
	for (const uint8_t *octet = data; size > 0; size--, octet++)
		hash = (hash ^ *octet) * 0x100000001B3u;
	return hash;
}
