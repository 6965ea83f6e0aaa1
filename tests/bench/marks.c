/* SPDX-License-Identifier: Apache-2.0 */
#include "marks.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent.h"

void bench_marks_init(struct bench_marks *marks, size_t n)
{
	*marks = (struct bench_marks){
		.n = n,
		.marks = calloc(n, sizeof(*marks->marks)),
		.list = calloc(n, sizeof(Waymark__V1__Mark *)),
		.matches = calloc(n, sizeof(*marks->matches)),
		.updates = calloc(n, sizeof(*marks->updates)),
		.update_list = calloc(n, sizeof(Waymark__V1__MarkUpdate *)),
		.destinations = calloc(n, sizeof(*marks->destinations)),
	};
	if (!marks->marks || !marks->list || !marks->matches || !marks->updates ||
	    !marks->update_list || !marks->destinations)
		bench_fail("no memory");
}

void bench_marks_done(struct bench_marks *marks)
{
	free(marks->marks);
	free(marks->list);
	free(marks->matches);
	free(marks->updates);
	free(marks->update_list);
	free(marks->destinations);
}

void bench_marks_fill(struct bench_marks *marks, uint32_t first, size_t n, uint32_t label)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t number = first + (uint32_t)i;

		sprintf(marks->destinations[i], "2001:db8::%x:%x", 1 + (number >> 16),
			number & 0xFFFF);
		waymark__v1__match__init(&marks->matches[i]);
		marks->matches[i].destination = marks->destinations[i];
		waymark__v1__mark__init(&marks->marks[i]);
		marks->marks[i].match = &marks->matches[i];
		marks->marks[i].label_case = WAYMARK__V1__MARK__LABEL_FLOW_LABEL;
		marks->marks[i].flow_label = label;
		marks->list[i] = &marks->marks[i];
		waymark__v1__mark_update__init(&marks->updates[i]);
		marks->updates[i].update_case = WAYMARK__V1__MARK_UPDATE__UPDATE_SET;
		marks->updates[i].set = &marks->marks[i];
		marks->update_list[i] = &marks->updates[i];
	}
}
