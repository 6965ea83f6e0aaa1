/* SPDX-License-Identifier: Apache-2.0 */
#include "declare.h"

#include <waymark/replace.h>

#include "agent.h"
#include "marks.h"

enum { CHUNK = 10000 };

static void add(struct waymark_replace *replace, struct bench_marks *marks, uint32_t first,
		uint32_t end, uint32_t label)
{
	struct waymark_error error;

	for (uint32_t i = first; i < end; i += CHUNK) {
		uint32_t count = end - i < CHUNK ? end - i : CHUNK;

		bench_marks_fill(marks, i, count, label);
		if (waymark_replace_add(replace, marks->list, count, &error))
			bench_fail("%s", error.message);
	}
}

void declare_marks(struct waymark_client *client, uint32_t n, uint32_t changed, uint32_t label,
		   uint32_t other_label)
{
	Waymark__V1__ReplaceBegin begin = WAYMARK__V1__REPLACE_BEGIN__INIT;
	Waymark__V1__ReplaceMarksResponse *response;
	struct waymark_replace *replace;
	struct waymark_error error;
	struct bench_marks marks;

	begin.allow_empty = 1;
	if (waymark_replace_begin(client, &begin, &replace, &error))
		bench_fail("%s", error.message);
	bench_marks_init(&marks, CHUNK);
	add(replace, &marks, 0, changed, label);
	add(replace, &marks, changed, n, other_label);
	bench_marks_done(&marks);
	if (waymark_replace_commit(replace, &response, &error))
		bench_fail("%s", error.message);
	if (response->failed)
		bench_fail("%s", response->failures[0]->error->message);
	waymark__v1__replace_marks_response__free_unpacked(response, NULL);
	waymark_replace_free(replace);
}
