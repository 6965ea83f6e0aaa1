/* SPDX-License-Identifier: Apache-2.0 */
#include "service/page_token.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define VERSION 1

struct packed_token {
	uint8_t version;
	uint8_t state_id[16];
	uint64_t filter, position; /* big endian */
} __attribute__((packed));

_Static_assert(2 * sizeof(struct packed_token) + 1 == PAGE_TOKEN_TEXT_SIZE, "hex and NUL");

void page_token_write(const struct page_token *token, char text[static PAGE_TOKEN_TEXT_SIZE])
{
	struct packed_token packed = {.version = VERSION,
				      .filter = htobe64(token->filter),
				      .position = htobe64(token->position)};
	const uint8_t *octets = (const uint8_t *)&packed;

	memcpy(packed.state_id, token->state_id, sizeof(packed.state_id));
	for (size_t i = 0; i < sizeof(packed); i++)
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
	struct packed_token packed;
	uint8_t *octets = (uint8_t *)&packed;

	if (strlen(text) != 2 * sizeof(packed))
		return -EINVAL;
	for (size_t i = 0; i < sizeof(packed); i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		octets[i] = (uint8_t)(high << 4 | low);
	}
	if (packed.version != VERSION)
		return -EINVAL;
	memcpy(ret->state_id, packed.state_id, sizeof(ret->state_id));
	ret->filter = be64toh(packed.filter);
	ret->position = be64toh(packed.position);
	return 0;
}
