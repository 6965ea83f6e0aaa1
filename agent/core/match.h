/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads and writes matches. Pure functions, any thread.
 */
#ifndef WAYMARK_MATCH_H
#define WAYMARK_MATCH_H

#include <stdint.h>

#include "core/fault.h"
#include "core/mark.h"
#include "core/prefix.h"

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

#define MATCH_ADDRESS_TEXT_MAX PREFIX_TEXT_MAX

/* RFC 5952 text of the destination: an address, or address/length for a NETWORK. Returns its
 * end. */
char *match_destination_text(const struct match *match, char text[MATCH_ADDRESS_TEXT_MAX]);

/* RFC 5952 text of the source; empty if the match has none. Returns its end. */
char *match_source_text(const struct match *match, char text[MATCH_ADDRESS_TEXT_MAX]);

#endif
