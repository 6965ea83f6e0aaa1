/* SPDX-License-Identifier: Apache-2.0 */
#include "apply.h"

#include <waymark/v1/marker.pb-c.h>

#include "agent.h"
#include "load.h"
#include "marks.h"

#define PATH "/waymark.v1.MarkerService/ApplyMarks"

enum { RESPONSE_HEADER = 1, RESPONSE_FAILED, HEADER_REVISION };

/* ---- requests ---- */

/* All of them, before any is sent. */
static void add_requests(struct load *load, uint32_t n, uint32_t batch, uint32_t label)
{
	Waymark__V1__ApplyMarksRequest request = WAYMARK__V1__APPLY_MARKS_REQUEST__INIT;
	struct bench_marks marks;

	bench_marks_init(&marks, batch);
	request.updates = marks.update_list;
	request.only_failures = 1;
	load_begin(load, PATH);
	for (uint32_t i = 0; i < n; i += batch) {
		request.n_updates = n - i < batch ? n - i : batch;
		bench_marks_fill(&marks, i, request.n_updates, label);
		load_add(load, &request.base);
	}
	bench_marks_done(&marks);
}

/* ---- answers ---- */

struct answers {
	uint64_t revision; /* the highest of all */
	uint64_t failed;
};

static uint64_t find_number(struct wire message, uint32_t number)
{
	struct wire_field field;

	while (wire_left(&message)) {
		if (wire_next(&message, &field))
			bench_fail("an answer that is none");
		if (field.number == number)
			return field.value;
	}
	return 0;
}

static void take_answer(void *user, struct wire answer)
{
	struct answers *answers = user;
	struct wire_field header;

	answers->failed += find_number(answer, RESPONSE_FAILED);
	if (wire_next(&answer, &header) || header.number != RESPONSE_HEADER)
		bench_fail("an answer without a header");
	if (find_number(header.bytes, HEADER_REVISION) > answers->revision)
		answers->revision = find_number(header.bytes, HEADER_REVISION);
}

/* ---- runs ---- */

/* With a call that changes nothing on each, so that none is made while the clock runs. */
static void connect_all(struct load *load)
{
	Waymark__V1__ApplyMarksRequest request = WAYMARK__V1__APPLY_MARKS_REQUEST__INIT;
	struct answers answers = {0};

	load_begin(load, PATH);
	for (int i = 0; i < LOAD_CHANNELS; i++)
		load_add(load, &request.base);
	load_send_all(load, take_answer, &answers);
}

double apply_marks_rate(const struct bench_agent *agent, uint32_t n, uint32_t batch,
			uint32_t label)
{
	const uint64_t before = bench_agent_revision(agent);
	struct load *load = load_open(agent, agent->target);
	struct answers answers = {0};
	double seconds;

	connect_all(load);
	add_requests(load, n, batch, label);
	seconds = load_send_all(load, take_answer, &answers);
	load_close(load);
	/* Each mark is a change, and each change a revision. */
	if (answers.failed || answers.revision != before + n)
		bench_fail("%llu of %u marks failed, %llu were changed",
			   (unsigned long long)answers.failed, n,
			   (unsigned long long)(answers.revision - before));
	return n / seconds;
}
