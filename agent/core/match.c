/* SPDX-License-Identifier: Apache-2.0 */
#include "core/match.h"

#include <stddef.h>

#define PORT_MAX 65535

/* ---- writing ---- */

char *match_destination_text(const struct match *match, char text[MATCH_ADDRESS_TEXT_MAX])
{
	if (match->kind == MARK_NETWORK)
		return prefix_text(match->destination, match->prefix_length, text);
	return prefix_address_text(match->destination, text);
}

char *match_source_text(const struct match *match, char text[MATCH_ADDRESS_TEXT_MAX])
{
	if (match->kind == MARK_FLOW)
		return prefix_address_text(match->source, text);
	text[0] = '\0';
	return text;
}

/* ---- reading ---- */

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
		return fault_invalid(fault, FAULT_REASON_UNKNOWN_FIELD, "protocol",
				     "protocol %u: none of TCP, UDP, DCCP, SCTP and UDP-Lite",
				     protocol);
	}
}

static int check_port(uint32_t port, const char *field, struct fault *fault)
{
	if (port > PORT_MAX)
		return fault_invalid(fault, FAULT_REASON_OUT_OF_RANGE, field,
				     "%s %u: not in 1..%d", field, port, PORT_MAX);
	return 0;
}

static int parse_values(const struct match_text *text, struct match *match, struct fault *fault)
{
	int r;

	if (!text->destination || !text->destination[0])
		return fault_invalid(fault, FAULT_REASON_MISSING_FIELD, "destination",
				     "a match needs a destination");
	r = prefix_parse(text->destination, "destination", match->destination,
			 &match->prefix_length, fault);
	if (r == 0 && has_source(text))
		r = prefix_parse_source(text->source, "source", match->source, fault);
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

/* The fields beside the destination, as bits in the order of their names. */
enum { SOURCE = 1, PROTOCOL = 2, SOURCE_PORT = 4, DESTINATION_PORT = 8 };
#define ENDPOINT_FIELDS ((unsigned int)(PROTOCOL | DESTINATION_PORT))
#define FLOW_FIELDS ((unsigned int)(SOURCE | SOURCE_PORT) | ENDPOINT_FIELDS)

static const char *first_name(unsigned int fields)
{
	static const char *const names[] = {"source", "protocol", "source_port",
					    "destination_port"};

	return names[__builtin_ctz(fields)];
}

static unsigned int fields_set(const struct match_text *text)
{
	return (has_source(text) ? SOURCE : 0) | (text->protocol ? PROTOCOL : 0) |
	       (text->source_port ? SOURCE_PORT : 0) |
	       (text->destination_port ? DESTINATION_PORT : 0);
}

/* The kind that follows from which fields are set. 0 or -EINVAL. */
static int decide_kind(const struct match_text *text, struct match *match, struct fault *fault)
{
	const bool is_prefix = match->prefix_length != PREFIX_LENGTH_MAX;
	const unsigned int set = fields_set(text);
	const unsigned int wanted = (set & ~ENDPOINT_FIELDS) ? FLOW_FIELDS : ENDPOINT_FIELDS;
	const unsigned int missing = wanted & ~set;

	if (is_prefix && set)
		return fault_invalid(fault, FAULT_REASON_UNEXPECTED_FIELD, first_name(set),
				     "destination %s is a prefix, which rules %s out",
				     text->destination, first_name(set));
	if (set && missing)
		return fault_invalid(
			fault, FAULT_REASON_MISSING_FIELD, first_name(missing),
			"%s is missing: beside the destination, this match needs %s",
			first_name(missing),
			wanted == FLOW_FIELDS
				? "source, protocol, source_port and destination_port"
				: "protocol and destination_port");
	if (set)
		match->kind = wanted == FLOW_FIELDS ? MARK_FLOW : MARK_ENDPOINT;
	else
		match->kind = is_prefix ? MARK_NETWORK : MARK_HOST;
	return 0;
}

int match_parse(const struct match_text *text, struct match *ret, struct fault *fault)
{
	struct match match = {.kind = 0};
	int r = parse_values(text, &match, fault);

	if (r == 0)
		r = decide_kind(text, &match, fault);
	if (r == 0)
		*ret = match;
	return r;
}
