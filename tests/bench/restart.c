/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the start of the process until it answers, with marks in the store and none in the
 * kernel, against writing as many keys into a bare map; and what the agent keeps in memory for
 * each mark, after a ReplaceMarks of all and after the restarts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <waymark/client.h>

#include "agent.h"
#include "declare.h"
#include "raw.h"
#include "report.h"

/* The design's numbers are of so many. */
enum { GOAL_MARKS = 1000000 };

static void report_memory(const struct bench_options *options, const char *when, uint32_t marks,
			  uint64_t octets)
{
	char name[64];

	snprintf(name, sizeof(name), "memory/%s/%u", when, marks);
	report(&(struct report_case){.bench = "restart",
				     .name = name,
				     .unit = "B/mark",
				     .value = (double)octets / marks,
				     .must = marks == GOAL_MARKS ? 300 : 0,
				     .aim = marks == GOAL_MARKS ? 150 : 0,
				     .is_absolute = true},
	       options->json);
}

/* The writer is done with what came before once it has answered a call of no updates. */
static void settle(const struct bench_agent *agent)
{
	Waymark__V1__ApplyMarksRequest request = WAYMARK__V1__APPLY_MARKS_REQUEST__INIT;
	Waymark__V1__ApplyMarksResponse *response;
	struct waymark_error error;

	if (waymark_apply_marks(agent->client, &request, &response, &error))
		bench_fail("%s", error.message);
	waymark__v1__apply_marks_response__free_unpacked(response, NULL);
}

static void play(const struct bench_options *options, uint32_t marks)
{
	struct report_case result = {.bench = "restart",
				     .unit = "s",
				     .must = marks == GOAL_MARKS ? 5 : 0,
				     .aim = marks == GOAL_MARKS ? 2 : 0,
				     .is_absolute = true};
	double values[REPORT_ROUNDS], baselines[REPORT_ROUNDS];
	struct bench_agent agent;
	uint64_t loaded;
	char name[64];

	bench_agent_start(&agent, marks, BENCH_UNIX);
	declare_marks(agent.client, marks, 0, 0, 1);
	settle(&agent);
	loaded = bench_agent_memory(&agent);
	for (int i = 0; i < REPORT_ROUNDS; i++) {
		baselines[i] = marks / raw_measure(marks, RAW_NEW).update;
		values[i] = bench_agent_restart(&agent);
	}
	snprintf(name, sizeof(name), "serving/%u", marks);
	result.name = name;
	report_rounds(result, values, baselines, REPORT_ROUNDS, options->json);
	report_memory(options, "loaded", marks, loaded);
	report_memory(options, "restarted", marks, bench_agent_memory(&agent));
	bench_agent_done(&agent);
}

int main(int argc, char *argv[])
{
	struct bench_options options;

	bench_read_options(argc, argv, &options);
	report_head("restart", options.quick ? "quick" : "", options.json);
	if (options.marks) {
		play(&options, options.marks);
		return EXIT_SUCCESS;
	}
	play(&options, 100000);
	if (!options.quick)
		play(&options, GOAL_MARKS);
	return EXIT_SUCCESS;
}
