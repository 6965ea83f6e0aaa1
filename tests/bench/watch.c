/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ApplyMarks with so many watches of everything open, against the same without any; and how
 * long after the last answer the last watch has seen the last change.
 */
#include <stdio.h>
#include <stdlib.h>

#include "agent.h"
#include "apply.h"
#include "declare.h"
#include "report.h"
#include "watchers.h"

enum { BATCH = 1000 };

struct watch_bench {
	struct bench_options options;
	struct bench_agent agent;
	uint32_t marks, label;
};

static double apply_rate(struct watch_bench *bench)
{
	bench->label = (bench->label + 1) & 0xFFFFF;
	return apply_marks_rate(&bench->agent, bench->marks, BATCH, bench->label) / 1e3;
}

static void play(struct watch_bench *bench, unsigned int n)
{
	double values[REPORT_ROUNDS], baselines[REPORT_ROUNDS], delays[REPORT_ROUNDS];
	struct report_case result = {.bench = "watch", .more_is_better = true};
	struct watchers watchers;
	char name[32];

	snprintf(name, sizeof(name), "%u/apply", n);
	if (!bench_wants(&bench->options, name))
		return;
	for (int i = 0; i < REPORT_ROUNDS; i++) {
		double start;

		baselines[i] = apply_rate(bench);
		watchers_start(&watchers, &bench->agent, n);
		values[i] = apply_rate(bench);
		start = bench_seconds();
		watchers_wait(&watchers, bench_agent_revision(&bench->agent));
		delays[i] = 1e3 * (bench_seconds() - start);
		watchers_stop(&watchers);
	}
	result.name = name;
	result.unit = "k/s";
	report_rounds(result, values, baselines, REPORT_ROUNDS, bench->options.json);
	snprintf(name, sizeof(name), "%u/delay", n);
	result.unit = "ms";
	report_rounds(result, delays, NULL, REPORT_ROUNDS, bench->options.json);
}

int main(int argc, char *argv[])
{
	struct watch_bench bench = {.label = 1};
	char text[32];

	watchers_main(argc, argv);
	bench_read_options(argc, argv, &bench.options);
	bench.marks = bench_marks_wanted(&bench.options, 20000, 100000);
	bench_agent_start(&bench.agent, bench.marks, BENCH_UNIX);
	snprintf(text, sizeof(text), "%u updates", bench.marks);
	report_head("watch", text, bench.options.json);
	declare_marks(bench.agent.client, bench.marks, 0, 0, 1);
	play(&bench, 1);
	play(&bench, 100);
	play(&bench, 1000);
	bench_agent_done(&bench.agent);
	return EXIT_SUCCESS;
}
