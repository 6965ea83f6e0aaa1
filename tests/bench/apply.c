/* SPDX-License-Identifier: Apache-2.0 */
#include "apply.h"

#include <pthread.h>
#include <waymark/client.h>

#include "agent.h"
#include "marks.h"

enum { THREADS = 4 };

struct applier {
	struct waymark_client *client;
	uint32_t first, end, batch, label;
	pthread_t thread;
};

static void apply_batch(struct applier *applier, struct bench_marks *marks, uint32_t first,
			uint32_t n)
{
	Waymark__V1__ApplyMarksRequest request = WAYMARK__V1__APPLY_MARKS_REQUEST__INIT;
	Waymark__V1__ApplyMarksResponse *response;
	struct waymark_error error;

	bench_marks_fill(marks, first, n, applier->label);
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

double apply_marks_rate(const struct bench_agent *agent, uint32_t n, uint32_t batch,
			uint32_t label)
{
	struct applier appliers[THREADS];
	double start;

	for (uint32_t i = 0; i < THREADS; i++)
		appliers[i] = (struct applier){
			.client = bench_agent_client(agent),
			.first = (uint32_t)((uint64_t)n * i / THREADS),
			.end = (uint32_t)((uint64_t)n * (i + 1) / THREADS),
			.batch = batch,
			.label = label,
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
