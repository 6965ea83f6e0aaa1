/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ListMarks of everything, with counters, page by page, against reading as many keys of a bare
 * map with bpf_map_lookup_batch(). Marks a second.
 */
#include <stdio.h>
#include <stdlib.h>
#include <waymark/client.h>

#include "agent.h"
#include "declare.h"
#include "raw.h"
#include "report.h"

static double list_rate(const struct bench_agent *agent, uint32_t marks)
{
	Waymark__V1__ListMarksRequest request = WAYMARK__V1__LIST_MARKS_REQUEST__INIT;
	Waymark__V1__ListMarksResponse *response = NULL;
	double start = bench_seconds();
	struct waymark_error error;
	size_t n = 0;

	request.with_counters = 1;
	do {
		Waymark__V1__ListMarksResponse *page;

		if (waymark_list_marks(agent->client, &request, &page, &error))
			bench_fail("%s", error.message);
		if (response)
			waymark__v1__list_marks_response__free_unpacked(response, NULL);
		response = page;
		request.page_token = page->next_page_token;
		n += page->n_marks;
	} while (request.page_token[0]);
	waymark__v1__list_marks_response__free_unpacked(response, NULL);
	if (n != marks)
		bench_fail("%zu marks listed, not %u", n, marks);
	return marks / (bench_seconds() - start);
}

int main(int argc, char *argv[])
{
	const struct report_case result = {.bench = "list",
					   .name = "with-counters",
					   .unit = "k/s",
					   .must = 0.3,
					   .aim = 0.6,
					   .more_is_better = true};
	double values[REPORT_ROUNDS], baselines[REPORT_ROUNDS];
	struct bench_options options;
	struct bench_agent agent;
	uint32_t marks;
	char text[32];

	bench_read_options(argc, argv, &options);
	marks = bench_marks_wanted(&options, 100000, 1000000);
	bench_agent_start(&agent, marks, BENCH_UNIX);
	snprintf(text, sizeof(text), "%u marks", marks);
	report_head("list", text, options.json);
	declare_marks(agent.client, marks, 0, 0, 1);
	for (int i = 0; i < REPORT_ROUNDS; i++) {
		baselines[i] = raw_measure(marks).lookup / 1e3;
		values[i] = list_rate(&agent, marks) / 1e3;
	}
	report_rounds(result, values, baselines, REPORT_ROUNDS, options.json);
	bench_agent_done(&agent);
	return EXIT_SUCCESS;
}
