/* SPDX-License-Identifier: Apache-2.0 */
#include "match_option.h"

Waymark__V1__Match match_message(const char *destination, const struct match_values *values)
{
	Waymark__V1__Match match = WAYMARK__V1__MATCH__INIT;

	match.destination = (char *)destination;
	if (values->source)
		match.source = (char *)values->source;
	match.protocol = (Waymark__V1__Protocol)values->protocol;
	match.source_port = values->source_port;
	match.destination_port = values->destination_port;
	return match;
}
