/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many marks at a time through the API, durable, against writing the same number of keys into a
 * bare BPF hash map of the same kind with bpf_map_update_batch(). Marks a second.
 */
#include <bpf/bpf.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <waymark/client.h>
#include <waymark/replace.h>

#include "agent.h"
#include "bpf/abi.h"
#include "cleanup.h"
#include "marks.h"
#include "report.h"

enum { THREADS = 4, RAW_BATCH = 1024 };

struct bulk {
	struct bench_options options;
	struct bench_agent agent;
	uint32_t marks;
	unsigned int rounds;
	uint32_t label; /* of the last change */
};

/* ---- the baseline ---- */

/* The table is the agent's own: a preallocated hash of its keys. */
static double raw_rate(uint32_t n)
{
	LIBBPF_OPTS(bpf_map_create_opts, create);
	LIBBPF_OPTS(bpf_map_batch_opts, batch);
	int fd = bpf_map_create(BPF_MAP_TYPE_HASH, "bench_raw", sizeof(struct exact_key), 8, n,
				&create);
	static struct exact_key keys[RAW_BATCH];
	static uint64_t values[RAW_BATCH];
	double start;

	if (fd < 0)
		bench_fail("cannot make a map");
	start = bench_seconds();
	for (uint32_t i = 0; i < n; i += RAW_BATCH) {
		uint32_t count = n - i < RAW_BATCH ? n - i : RAW_BATCH;

		for (uint32_t k = 0; k < count; k++) {
			memcpy(&keys[k], &(uint32_t){i + k}, 4);
			values[k] = i + k;
		}
		if (bpf_map_update_batch(fd, keys, values, &count, &batch) < 0)
			bench_fail("cannot write into the map");
	}
	start = bench_seconds() - start;
	close(fd);
	return n / start;
}

/* ---- ApplyMarks ---- */

struct applier {
	const struct bulk *bulk;
	struct waymark_client *client;
	uint32_t first, end, batch;
	pthread_t thread;
};

static void apply_batch(struct applier *applier, struct bench_marks *marks, uint32_t first,
			uint32_t n)
{
	Waymark__V1__ApplyMarksRequest request = WAYMARK__V1__APPLY_MARKS_REQUEST__INIT;
	Waymark__V1__ApplyMarksResponse *response;
	struct waymark_error error;

	bench_marks_fill(marks, first, n, applier->bulk->label);
	request.updates = marks->update_list;
	request.n_updates = n;
	request.only_failures = 1;
	if (waymark_apply_marks(applier->client, &request, &response, &error))
		bench_fail("%s", error.message);
	if (response->failed)
		bench_fail("%s", response->results[0]->error->message);
	waymark__v1__apply_marks_response__free_unpacked(response, NULL);
}

static void *apply_range(void *argument)
{
	struct applier *applier = argument;
	struct bench_marks marks;

	bench_marks_init(&marks, applier->batch);
	for (uint32_t i = applier->first; i < applier->end; i += applier->batch) {
		uint32_t left = applier->end - i;

		apply_batch(applier, &marks, i, left < applier->batch ? left : applier->batch);
	}
	bench_marks_done(&marks);
	return NULL;
}

static double apply_rate(struct bulk *bulk, uint32_t n, uint32_t batch)
{
	struct applier appliers[THREADS];
	double start;

	bulk->label = (bulk->label + 1) & 0xFFFFF;
	for (uint32_t i = 0; i < THREADS; i++)
		appliers[i] = (struct applier){
			.bulk = bulk,
			.client = bench_agent_client(&bulk->agent),
			.first = (uint32_t)((uint64_t)n * i / THREADS),
			.end = (uint32_t)((uint64_t)n * (i + 1) / THREADS),
			.batch = batch,
		};
	start = bench_seconds();
	for (uint32_t i = 0; i < THREADS; i++)
		pthread_create(&appliers[i].thread, NULL, apply_range, &appliers[i]);
	for (uint32_t i = 0; i < THREADS; i++)
		pthread_join(appliers[i].thread, NULL);
	start = bench_seconds() - start;
	for (uint32_t i = 0; i < THREADS; i++)
		waymark_close(appliers[i].client);
	return n / start;
}

/* ---- ReplaceMarks ---- */

enum { REPLACE_CHUNK = 10000 };

static void replace_add(struct waymark_replace *replace, uint32_t first, uint32_t n,
			uint32_t label)
{
	struct waymark_error error;
	struct bench_marks marks;

	bench_marks_init(&marks, REPLACE_CHUNK);
	for (uint32_t i = 0; i < n; i += REPLACE_CHUNK) {
		uint32_t count = n - i < REPLACE_CHUNK ? n - i : REPLACE_CHUNK;

		bench_marks_fill(&marks, first + i, count, label);
		if (waymark_replace_add(replace, marks.list, count, &error))
			bench_fail("%s", error.message);
	}
	bench_marks_done(&marks);
}

/* Declares n marks, the first `changed` of them with a new label. Returns marks a second. */
static double replace_rate(struct bulk *bulk, uint32_t n, uint32_t changed)
{
	Waymark__V1__ReplaceBegin begin = WAYMARK__V1__REPLACE_BEGIN__INIT;
	Waymark__V1__ReplaceMarksResponse *response;
	uint32_t label = bulk->label;
	struct waymark_replace *replace;
	struct waymark_error error;
	double start = bench_seconds();

	begin.allow_empty = 1;
	if (waymark_replace_begin(bulk->agent.client, &begin, &replace, &error))
		bench_fail("%s", error.message);
	if (changed) {
		bulk->label = (label + 1) & 0xFFFFF;
		replace_add(replace, 0, changed, bulk->label);
	}
	replace_add(replace, changed, n - changed, label);
	if (waymark_replace_commit(replace, &response, &error))
		bench_fail("%s", error.message);
	if (response->failed)
		bench_fail("%s", response->failures[0]->error->message);
	waymark__v1__replace_marks_response__free_unpacked(response, NULL);
	waymark_replace_free(replace);
	start = bench_seconds() - start;
	return (n ? n : 1) / start;
}

/* ---- cases ---- */

struct scene {
	const char *name;
	double (*play)(struct bulk *bulk, uint32_t argument);
	uint32_t argument;
	double must, aim;
};

static double create(struct bulk *bulk, uint32_t batch)
{
	uint32_t n = batch == 1 ? bulk->marks / 50 : bulk->marks;

	replace_rate(bulk, 0, 0);
	return apply_rate(bulk, n, batch);
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

static void play(struct bulk *bulk, const struct scene *scene)
{
	double values[REPORT_ROUNDS_MAX], baselines[REPORT_ROUNDS_MAX];
	double ratios[REPORT_ROUNDS_MAX];

	if (!bench_wants(&bulk->options, scene->name))
		return;
	for (unsigned int i = 0; i < bulk->rounds; i++) {
		baselines[i] = raw_rate(bulk->marks) / 1e3;
		values[i] = scene->play(bulk, scene->argument) / 1e3;
		ratios[i] = values[i] / baselines[i];
	}
	report(&(struct report_case){.bench = "bulk",
				     .name = scene->name,
				     .unit = "k/s",
				     .value = report_median(values, bulk->rounds),
				     .baseline = report_median(baselines, bulk->rounds),
				     .ratio = report_median(ratios, bulk->rounds),
				     .spread = report_spread(ratios, bulk->rounds),
				     .must = scene->must,
				     .aim = scene->aim,
				     .more_is_better = true},
	       bulk->options.json);
}

static const struct scene scenes[] = {
	{"apply/create/1", create, 1, 0, 0},
	{"apply/create/10", create, 10, 0, 0},
	{"apply/create/100", create, 100, 0, 0},
	{"apply/create/1000", create, 1000, 0.4, 0.8},
	{"apply/create/10000", create, 10000, 0.4, 0.8},
	{"apply/update/1000", update, 1000, 0.3, 0.6},
	{"apply/update/10000", update, 10000, 0.3, 0.6},
	{"replace/0%", replace, 0, 0, 0},
	{"replace/1%", replace, 1, 0, 0},
	{"replace/100%", replace, 100, 0, 0},
};

int main(int argc, char *argv[])
{
	struct bulk bulk = {.rounds = REPORT_ROUNDS};

	bench_read_options(argc, argv, &bulk.options);
	bulk.marks = bulk.options.quick ? 50000 : 1000000;
	bench_agent_start(&bulk.agent, bulk.marks + bulk.marks / 10);
	report_head("bulk", bulk.options.quick ? "quick, 50,000 marks" : "1,000,000 marks",
		    bulk.options.json);
	for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++)
		play(&bulk, &scenes[i]);
	bench_agent_done(&bulk.agent);
	return EXIT_SUCCESS;
}
