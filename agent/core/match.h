/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads and writes matches. Pure functions, any thread.
 */
#ifndef WAYMARK_MATCH_H
#define WAYMARK_MATCH_H

#include <netinet/in.h>

#include "core/fault.h"
#include "core/mark.h"

/* A match as people and messages write it. */
struct match_text {
	const char *destination; /* address or prefix */
	const char *source; /* "" or NULL: none */
	uint32_t protocol; /* 0: none */
	uint32_t source_port; /* 0: none */
	uint32_t destination_port; /* 0: none */
};

/* Decides the kind and checks everything that api.md 1-3 asks for. 0, or -EINVAL with the
 * fault's field relative to the match ("destination"). *ret is untouched on failure. */
int match_parse(const struct match_text *text, struct match *ret, struct fault *fault);

/* Reads "2001:db8::/32" or an address (length 128). `field` names it in the fault.
 * 0 or -EINVAL. */
int prefix_parse(const char *text, const char *field, uint8_t address[16], uint8_t *ret_length,
		 struct fault *fault);

#define MATCH_ADDRESS_TEXT_MAX (INET6_ADDRSTRLEN + 4)

/* RFC 5952 text of the destination: an address, or address/length for a NETWORK. */
void match_destination_text(const struct match *match, char text[MATCH_ADDRESS_TEXT_MAX]);

/* RFC 5952 text of the source; empty if the match has none. */
void match_source_text(const struct match *match, char text[MATCH_ADDRESS_TEXT_MAX]);

/* The first `length` bits of the address, zeros behind. length 0..128. */
void prefix_mask(const uint8_t address[16], uint8_t length, uint8_t ret[16]);

/* Does the prefix contain this address? length 0..128. */
bool prefix_contains(const uint8_t prefix[16], uint8_t length, const uint8_t address[16]);

#endif
