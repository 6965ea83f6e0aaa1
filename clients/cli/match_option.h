/* SPDX-License-Identifier: Apache-2.0 */
/* The options that describe a match beside its destination; set, clear and get share them. */
#ifndef WAYMARK_CLI_MATCH_OPTION_H
#define WAYMARK_CLI_MATCH_OPTION_H

#include "value.h"
#include "waymark/v1/marker.pb-c.h"

struct match_values {
	const char *source; /* NULL: none */
	uint32_t protocol; /* 0: none */
	uint32_t source_port; /* 0: none */
	uint32_t destination_port; /* 0: none */
};

/* Rows of an option table that fills a struct with `struct match_values match`. */
/* clang-format off */
#define MATCH_OPTIONS(type)                                                                     \
	{"--source", 0, "ADDRESS", NULL, "the host's own address; flows only", read_text,       \
	 offsetof(type, match.source)},                                                         \
	{"--protocol", 0, "PROTOCOL", NULL, "tcp, udp, dccp, sctp or udplite", read_protocol,       \
	 offsetof(type, match.protocol)},                                                       \
	{"--source-port", 0, "N", NULL, "the host's own port; flows only", read_port,           \
	 offsetof(type, match.source_port)},                                                    \
	{"--destination-port", 0, "N", NULL, "the other end's port; flows and endpoints",       \
	 read_port, offsetof(type, match.destination_port)}
/* clang-format on */

#define MATCH_DETAILS                                                             \
	"DESTINATION is an IPv6 address or a prefix. With --protocol and\n"       \
	"--destination-port it is an endpoint; with --source and --source-port\n" \
	"as well, one flow.\n"

/* The message; it points into its parameters. Whether they belong together is for the agent
 * to say. */
Waymark__V1__Match match_message(const char *destination, const struct match_values *values);

#endif
