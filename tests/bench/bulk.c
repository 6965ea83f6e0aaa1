/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many marks at a time through the API, durable, against writing the same number of keys into a
 * bare BPF hash map of the same kind with bpf_map_update_batch(). Marks a second.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent.h"
#include "apply.h"
#include "declare.h"
#include "raw.h"
#include "report.h"

struct bulk {
	struct bench_options options;
	struct bench_agent agent;
	uint32_t marks;
	unsigned int rounds;
	uint32_t label; /* of the last change */
	bool is_full; /* the agent has all the marks */
	double cpu; /* seconds that the agent took for a mark in the last call */
};

/* ---- ApplyMarks ---- */

static double apply_rate(struct bulk *bulk, uint32_t n, uint32_t batch)
{
	double cpu = bench_cpu_seconds(bulk->agent.pid), rate;

	bulk->label = (bulk->label + 1) & 0xFFFFF;
	rate = apply_marks_rate(&bulk->agent, n, batch, bulk->label);
	bulk->cpu = (bench_cpu_seconds(bulk->agent.pid) - cpu) / n;
	return rate;
}

/* ---- ReplaceMarks ---- */

/* Declares n marks, the first `changed` of them with a new label. Returns marks a second. */
static double replace_rate(struct bulk *bulk, uint32_t n, uint32_t changed)
{
	uint32_t label = bulk->label;
	double start = bench_seconds(), cpu = bench_cpu_seconds(bulk->agent.pid);

	if (changed)
		bulk->label = (label + 1) & 0xFFFFF;
	declare_marks(bulk->agent.client, n, changed, bulk->label, label);
	bulk->cpu = (bench_cpu_seconds(bulk->agent.pid) - cpu) / (n ? n : 1);
	return (n ? n : 1) / (bench_seconds() - start);
}

/* ---- before the clock starts ---- */

static void start_agent(struct bulk *bulk)
{
	bench_agent_start(&bulk->agent, bulk->marks + bulk->marks / 10, BENCH_UNIX);
	bulk->is_full = false;
}

static void fill(struct bulk *bulk)
{
	if (!bulk->is_full)
		replace_rate(bulk, bulk->marks, bulk->marks);
	bulk->is_full = true;
}

static void renew(struct bulk *bulk)
{
	bench_agent_done(&bulk->agent);
	start_agent(bulk);
}

static void fill_and_empty(struct bulk *bulk)
{
	fill(bulk);
	replace_rate(bulk, 0, 0);
	bulk->is_full = false;
}

/* ---- cases ---- */

struct scene {
	const char *name;
	enum raw_history history; /* of the map that it is compared with */
	void (*prepare)(struct bulk *bulk);
	double (*play)(struct bulk *bulk, uint32_t argument);
	uint32_t argument;
	double must, aim;
};

static double create(struct bulk *bulk, uint32_t batch)
{
	bulk->is_full = batch > 1;
	return apply_rate(bulk, batch == 1 ? bulk->marks / 50 : bulk->marks, batch);
}

static double update(struct bulk *bulk, uint32_t batch)
{
	return apply_rate(bulk, bulk->marks, batch);
}

static double replace(struct bulk *bulk, uint32_t percent)
{
	replace_rate(bulk, bulk->marks, 0);
	/* All alike now but for the label of those that were changed in the round before. */
	return replace_rate(bulk, bulk->marks,
			    (uint32_t)((uint64_t)bulk->marks * percent / 100));
}

/* The agent's CPU for a mark against that of a raw update: neither what the clients take nor a
 * busy machine counts. */
static void report_cpu(const struct bulk *bulk, const char *scene, const double values[],
		       const double baselines[])
{
	char name[64];

	snprintf(name, sizeof(name), "%s/cpu", scene);
	report_rounds((struct report_case){.bench = "bulk", .name = name, .unit = "us"}, values,
		      baselines, bulk->rounds, bulk->options.json);
}

static void play(struct bulk *bulk, const struct scene *scene)
{
	const struct report_case result = {.bench = "bulk",
					   .name = scene->name,
					   .unit = "k/s",
					   .must = scene->must,
					   .aim = scene->aim,
					   .more_is_better = true};
	double values[REPORT_ROUNDS_MAX], baselines[REPORT_ROUNDS_MAX];
	double cpu[REPORT_ROUNDS_MAX], raw_cpu[REPORT_ROUNDS_MAX];

	if (!bench_wants(&bulk->options, scene->name))
		return;
	for (unsigned int i = 0; i < bulk->rounds; i++) {
		struct raw_rates raw;

		scene->prepare(bulk);
		raw = raw_measure(bulk->marks, scene->history);
		baselines[i] = raw.update / 1e3;
		raw_cpu[i] = 1e6 * raw.update_cpu;
		values[i] = scene->play(bulk, scene->argument) / 1e3;
		cpu[i] = 1e6 * bulk->cpu;
	}
	report_rounds(result, values, baselines, bulk->rounds, bulk->options.json);
	report_cpu(bulk, scene->name, cpu, raw_cpu);
}

/* What sets new marks begins with an agent that was started for it, as the map that it is
 * compared with was made for it. "again": both were filled and emptied before. */
static const struct scene scenes[] = {
	{"apply/create/1", RAW_NEW, renew, create, 1, 0, 0},
	{"apply/create/10", RAW_NEW, renew, create, 10, 0, 0},
	{"apply/create/100", RAW_NEW, renew, create, 100, 0, 0},
	{"apply/create/1000", RAW_NEW, renew, create, 1000, 0.4, 0.8},
	{"apply/create/10000", RAW_NEW, renew, create, 10000, 0.4, 0.8},
	{"apply/again/1000", RAW_USED, fill_and_empty, create, 1000, 0, 0},
	{"apply/again/10000", RAW_USED, fill_and_empty, create, 10000, 0, 0},
	{"apply/update/1000", RAW_NEW, fill, update, 1000, 0.3, 0.6},
	{"apply/update/10000", RAW_NEW, fill, update, 10000, 0.3, 0.6},
	{"replace/0%", RAW_NEW, fill, replace, 0, 0, 0},
	{"replace/1%", RAW_NEW, fill, replace, 1, 0, 0},
	{"replace/100%", RAW_NEW, fill, replace, 100, 0, 0},
};

int main(int argc, char *argv[])
{
	struct bulk bulk = {.rounds = REPORT_ROUNDS};
	char text[32];

	bench_read_options(argc, argv, &bulk.options);
	bulk.marks = bench_marks_wanted(&bulk.options, 20000, 1000000);
	snprintf(text, sizeof(text), "%u marks", bulk.marks);
	start_agent(&bulk);
	report_head("bulk", text, bulk.options.json);
	for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++)
		play(&bulk, &scenes[i]);
	bench_agent_done(&bulk.agent);
	return EXIT_SUCCESS;
}
