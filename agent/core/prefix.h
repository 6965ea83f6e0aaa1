/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IPv6 prefixes, and addresses as prefixes of length 128. Pure functions, any thread.
 */
#ifndef WAYMARK_PREFIX_H
#define WAYMARK_PREFIX_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/fault.h"

#define PREFIX_LENGTH_MAX 128
#define PREFIX_TEXT_MAX (INET6_ADDRSTRLEN + 4)

/* Reads "2001:db8::/32" or an address (length 128) that packets may go to: neither IPv4 nor
 * "::" alone. `field` names it in the fault. 0 or -EINVAL; outputs are untouched then. */
int prefix_parse(const char *text, const char *field, uint8_t ret_address[16],
		 uint8_t *ret_length, struct fault *fault);

/* The same for the address of a sender: neither a prefix, multicast, nor "::". */
int prefix_parse_source(const char *text, const char *field, uint8_t ret_address[16],
			struct fault *fault);

/* RFC 5952 text; returns its end. */
char *prefix_address_text(const uint8_t address[16], char text[static INET6_ADDRSTRLEN]);

/* RFC 5952 text "address/length"; returns its end. length 0..128. */
char *prefix_text(const uint8_t address[16], uint8_t length, char text[PREFIX_TEXT_MAX]);

/* The first `length` bits of the address, zeros behind. length 0..128. */
void prefix_mask(const uint8_t address[16], uint8_t length, uint8_t ret[16]);

/* Does the prefix contain this address? length 0..128. */
bool prefix_contains(const uint8_t prefix[16], uint8_t length, const uint8_t address[16]);

#endif
