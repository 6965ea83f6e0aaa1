/* SPDX-License-Identifier: Apache-2.0 */
#include "filter_option.h"

Waymark__V1__MarkFilter filter_message(struct filter_values *values)
{
	Waymark__V1__MarkFilter filter = WAYMARK__V1__MARK_FILTER__INIT;

	if (values->destination)
		filter.destination_prefix = (char *)values->destination;
	if (values->owner)
		filter.owner = (char *)values->owner;
	filter.n_kinds = values->kinds.count;
	filter.kinds = values->kinds.kinds;
	return filter;
}
