/* SPDX-License-Identifier: Apache-2.0 */
#include "core/match.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PREFIX_LENGTH_MAX 128
#define PORT_MAX 65535

#define REFUSE(fault, reason, field, ...) \
	fault_set(fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_##reason, field, __VA_ARGS__)

/* ---- bits ---- */

void prefix_mask(const uint8_t address[16], uint8_t length, uint8_t ret[16])
{
	for (unsigned int i = 0; i < 16; i++) {
		unsigned int bits = length > 8 * i ? length - 8 * i : 0;

		ret[i] = bits >= 8 ? address[i] : (uint8_t)(address[i] & ~(0xFFU >> bits));
	}
}

bool prefix_contains(const uint8_t prefix[16], uint8_t length, const uint8_t address[16])
{
	uint8_t masked[16], wanted[16];

	prefix_mask(prefix, length, wanted);
	prefix_mask(address, length, masked);
	return memcmp(masked, wanted, sizeof(masked)) == 0;
}

static bool is_unspecified(const uint8_t address[16])
{
	return IN6_IS_ADDR_UNSPECIFIED((const struct in6_addr *)address);
}

static bool is_mapped_ipv4(const uint8_t address[16])
{
	return IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)address);
}

/* ---- writing ---- */

static void prefix_text(const uint8_t address[16], unsigned int length,
			char text[MATCH_ADDRESS_TEXT_MAX])
{
	char address_text[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET6, address, address_text, sizeof(address_text));
	snprintf(text, MATCH_ADDRESS_TEXT_MAX, "%s/%u", address_text, length);
}

void match_destination_text(const struct match *match, char text[MATCH_ADDRESS_TEXT_MAX])
{
	if (match->kind == MARK_NETWORK)
		prefix_text(match->destination, match->prefix_length, text);
	else
		inet_ntop(AF_INET6, match->destination, text, MATCH_ADDRESS_TEXT_MAX);
}

void match_source_text(const struct match *match, char text[MATCH_ADDRESS_TEXT_MAX])
{
	if (match->kind == MARK_FLOW)
		inet_ntop(AF_INET6, match->source, text, MATCH_ADDRESS_TEXT_MAX);
	else
		text[0] = '\0';
}

/* ---- reading one address ---- */

static int check_family(const char *text, const char *field, const uint8_t address[16],
			int parsed, struct fault *fault)
{
	struct in_addr ipv4;

	if (inet_pton(AF_INET, text, &ipv4) == 1 || (parsed && is_mapped_ipv4(address)))
		return REFUSE(fault, IPV4_UNSUPPORTED, field,
			      "%s %s: IPv4 packets cannot carry a flow label", field, text);
	if (!parsed)
		return REFUSE(fault, INVALID_ADDRESS, field, "%s \"%s\": not an IPv6 address",
			      field, text);
	return 0;
}

/* Text without a prefix length. */
static int address_parse(const char *text, const char *field, uint8_t ret[16],
			 struct fault *fault)
{
	uint8_t address[16];
	int r;

	if (strlen(text) >= INET6_ADDRSTRLEN)
		return REFUSE(fault, INVALID_ADDRESS, field,
			      "%s of %zu octets: not an IPv6 address", field, strlen(text));
	if (strchr(text, '%'))
		return REFUSE(
			fault, ZONE_UNSUPPORTED, field,
			"%s %s: a match holds on every interface, so no zone can be given",
			field, text);
	r = check_family(text, field, address, inet_pton(AF_INET6, text, address) == 1, fault);
	if (r == 0)
		memcpy(ret, address, sizeof(address));
	return r;
}

/* Decimal without sign or leading zeros, 0..128. -1 if it is anything else. */
static int length_parse(const char *digits)
{
	int length = 0;

	if (digits[0] == '0' && digits[1] != '\0')
		return -1;
	for (const char *digit = digits; *digit; digit++) {
		if (*digit < '0' || *digit > '9')
			return -1;
		length = length * 10 + *digit - '0';
		if (length > PREFIX_LENGTH_MAX)
			return -1;
	}
	return *digits ? length : -1;
}

static int check_host_bits(const char *text, const char *field, const uint8_t address[16],
			   uint8_t length, struct fault *fault)
{
	char right[MATCH_ADDRESS_TEXT_MAX];
	uint8_t masked[16];

	prefix_mask(address, length, masked);
	if (memcmp(masked, address, sizeof(masked)) == 0)
		return 0;
	prefix_text(masked, length, right);
	return REFUSE(fault, HOST_BITS, field, "%s %s has host bits set; the prefix is %s",
		      field, text, right);
}

/* Cuts text at its slash; *ret_length stays if there is none. */
static int split_prefix(const char *text, const char *field, char address[INET6_ADDRSTRLEN],
			int *ret_length, struct fault *fault)
{
	size_t length = strcspn(text, "/");

	if (length >= INET6_ADDRSTRLEN || strlen(text) >= MATCH_ADDRESS_TEXT_MAX)
		return REFUSE(fault, INVALID_ADDRESS, field,
			      "%s of %zu octets: not an IPv6 address or prefix", field,
			      strlen(text));
	memcpy(address, text, length);
	address[length] = '\0';
	if (text[length] == '/')
		*ret_length = length_parse(text + length + 1);
	return 0;
}

/* An address or a prefix, be it destination or source. */
static int network_parse(const char *text, const char *field, uint8_t ret_address[16],
			 uint8_t *ret_length, struct fault *fault)
{
	char address_text[INET6_ADDRSTRLEN];
	uint8_t address[16];
	int length = PREFIX_LENGTH_MAX;
	int r = split_prefix(text, field, address_text, &length, fault);

	if (r == 0)
		r = address_parse(address_text, field, address, fault);
	if (r == 0 && length < 0)
		r = REFUSE(fault, INVALID_ADDRESS, field,
			   "%s \"%s\": the prefix length is not a number in 0..%d", field, text,
			   PREFIX_LENGTH_MAX);
	if (r == 0)
		r = check_host_bits(text, field, address, (uint8_t)length, fault);
	if (r < 0)
		return r;
	memcpy(ret_address, address, sizeof(address));
	*ret_length = (uint8_t)length;
	return 0;
}

int prefix_parse(const char *text, const char *field, uint8_t ret_address[16],
		 uint8_t *ret_length, struct fault *fault)
{
	uint8_t address[16], length;
	int r = network_parse(text, field, address, &length, fault);

	if (r < 0)
		return r;
	if (length == PREFIX_LENGTH_MAX && is_unspecified(address))
		return REFUSE(fault, INVALID_ADDRESS, field,
			      "%s %s is nobody's address; for every destination, write ::/0",
			      field, text);
	memcpy(ret_address, address, sizeof(address));
	*ret_length = length;
	return 0;
}

static int source_parse(const char *text, uint8_t ret[16], struct fault *fault)
{
	uint8_t address[16], length;
	int r = network_parse(text, "source", address, &length, fault);

	if (r < 0)
		return r;
	if (length != PREFIX_LENGTH_MAX)
		return REFUSE(fault, INVALID_ADDRESS, "source",
			      "source %s is a prefix; a match takes one source address", text);
	if (IN6_IS_ADDR_MULTICAST((const struct in6_addr *)address) || is_unspecified(address))
		return REFUSE(fault, INVALID_ADDRESS, "source",
			      "source %s: packets of a transfer never have this source", text);
	memcpy(ret, address, sizeof(address));
	return 0;
}

/* ---- reading a match ---- */

static bool has_source(const struct match_text *text)
{
	return text->source && text->source[0];
}

static int check_protocol(uint32_t protocol, struct fault *fault)
{
	switch (protocol) {
	case 0:
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_DCCP:
	case IPPROTO_SCTP:
	case IPPROTO_UDPLITE:
		return 0;
	default:
		return REFUSE(fault, UNKNOWN_FIELD, "protocol",
			      "protocol %u: none of TCP, UDP, DCCP, SCTP and UDP-Lite",
			      protocol);
	}
}

static int check_port(uint32_t port, const char *field, struct fault *fault)
{
	if (port > PORT_MAX)
		return REFUSE(fault, OUT_OF_RANGE, field, "%s %u: not in 1..%d", field, port,
			      PORT_MAX);
	return 0;
}

static int parse_values(const struct match_text *text, struct match *match, struct fault *fault)
{
	int r;

	if (!text->destination || !text->destination[0])
		return REFUSE(fault, MISSING_FIELD, "destination",
			      "a match needs a destination");
	r = prefix_parse(text->destination, "destination", match->destination,
			 &match->prefix_length, fault);
	if (r == 0 && has_source(text))
		r = source_parse(text->source, match->source, fault);
	if (r == 0)
		r = check_protocol(text->protocol, fault);
	if (r == 0)
		r = check_port(text->source_port, "source_port", fault);
	if (r == 0)
		r = check_port(text->destination_port, "destination_port", fault);
	if (r < 0)
		return r;
	match->protocol = (uint8_t)text->protocol;
	match->source_port = (uint16_t)text->source_port;
	match->destination_port = (uint16_t)text->destination_port;
	return 0;
}

/* The kind that follows from which fields are set; 0 if none does. */
static uint8_t decide_kind(const struct match_text *text, bool is_prefix, struct fault *fault)
{
	const bool wants_flow = has_source(text) || text->source_port != 0;
	const struct {
		const char *name;
		bool is_set, is_flow_only;
	} fields[] = {
		{"source", has_source(text), true},
		{"protocol", text->protocol != 0, false},
		{"source_port", text->source_port != 0, true},
		{"destination_port", text->destination_port != 0, false},
	};
	const char *first_set = NULL, *first_missing = NULL;

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (fields[i].is_set && !first_set)
			first_set = fields[i].name;
		if (!fields[i].is_set && (wants_flow || !fields[i].is_flow_only) &&
		    !first_missing)
			first_missing = fields[i].name;
	}
	if (!first_set)
		return is_prefix ? MARK_NETWORK : MARK_HOST;
	if (is_prefix)
		REFUSE(fault, UNEXPECTED_FIELD, first_set,
		       "destination %s is a prefix, which rules %s out", text->destination,
		       first_set);
	else if (first_missing)
		REFUSE(fault, MISSING_FIELD, first_missing,
		       "%s is missing: beside the destination, a match gives %s", first_missing,
		       wants_flow ? "source, protocol, source_port and destination_port"
				  : "both protocol and destination_port");
	else
		return wants_flow ? MARK_FLOW : MARK_ENDPOINT;
	return 0;
}

int match_parse(const struct match_text *text, struct match *ret, struct fault *fault)
{
	struct match match = {.kind = 0};
	int r = parse_values(text, &match, fault);

	if (r < 0)
		return r;
	match.kind = decide_kind(text, match.prefix_length != PREFIX_LENGTH_MAX, fault);
	if (match.kind == 0)
		return -EINVAL;
	*ret = match;
	return 0;
}
