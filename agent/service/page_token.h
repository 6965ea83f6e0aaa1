/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page tokens: where a listing goes on. Opaque text to clients; bound to the state and to the
 * filter that it was made for, good across restarts. Pure functions, any thread.
 *
 *	hex of: version (1 octet), state id (16), hash of the filter (8), position (8)
 */
#ifndef WAYMARK_PAGE_TOKEN_H
#define WAYMARK_PAGE_TOKEN_H

#include <stddef.h>
#include <stdint.h>

#include "core/fault.h"

struct page_token {
	uint8_t state_id[16];
	uint64_t filter; /* hash of everything that chooses what is listed */
	uint64_t position; /* revision of the last mark, or id of the last lease, returned */
};

#define PAGE_TOKEN_TEXT_SIZE (2 * 33 + 1)

void page_token_write(const struct page_token *token, char text[static PAGE_TOKEN_TEXT_SIZE]);

/* 0 or -EINVAL. */
int page_token_read(const char *text, struct page_token *ret);

/* Where the listing that `expected` describes goes on: *ret_after, untouched if text is empty.
 * 0, or -EINVAL if the token is not ours, or of another state or filter. */
int page_token_resume(const char *text, const struct page_token *expected, uint64_t *ret_after,
		      struct fault *fault);

/* For page_token.filter: what the octets add to a hash that begins as PAGE_TOKEN_HASH. Stable
 * across processes and machines. */
#define PAGE_TOKEN_HASH UINT64_C(0xCBF29CE484222325)
uint64_t page_token_hash(uint64_t hash, const void *data, size_t size);

#endif
