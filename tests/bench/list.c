/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ListMarks of everything, with counters, page by page, against reading as many keys of a bare
 * map with bpf_map_lookup_batch(). Marks a second. Neither side makes objects of what it gets:
 * pages are walked field by field as they came. What a client has when libwaymark has unpacked
 * them is a case of its own, most of whose time is malloc()'s.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <waymark/client.h>

#include "agent.h"
#include "declare.h"
#include "load.h"
#include "raw.h"
#include "report.h"
#include "wire/mark.h"
#include "wire/read.h"

enum { PAGE_MARKS = 2, PAGE_NEXT_TOKEN }; /* of ListMarksResponse */

/* How far a listing has come. */
struct listing {
	size_t marks;
	uint64_t revision; /* of the last one */
	char token[128]; /* empty: it is complete */
};

/* A mark must have its match and its counters, and come after the one before. */
static void take_mark(struct listing *listing, struct wire mark)
{
	const uint64_t before = listing->revision;
	unsigned int parts = 0;

	while (wire_left(&mark)) {
		struct wire_field field;

		if (wire_next(&mark, &field))
			bench_fail("a mark that is none");
		if (field.number == WIRE_MARK_REVISION)
			listing->revision = field.value;
		parts += field.number == WIRE_MARK_MATCH || field.number == WIRE_MARK_COUNTERS;
	}
	if (parts != 2 || listing->revision <= before)
		bench_fail("mark %zu of the listing lacks something", listing->marks);
	listing->marks++;
}

static void take_token(struct listing *listing, struct wire token)
{
	if (wire_left(&token) >= sizeof(listing->token))
		bench_fail("a token of %zu octets", wire_left(&token));
	for (size_t i = 0; i < wire_left(&token); i++)
		listing->token[i] = (char)token.at[i];
	listing->token[wire_left(&token)] = '\0';
}

static void take_page(void *user, struct wire page)
{
	struct listing *listing = user;

	listing->token[0] = '\0';
	while (wire_left(&page)) {
		struct wire_field field;

		if (wire_next(&page, &field))
			bench_fail("a page that is none");
		if (field.number == PAGE_MARKS)
			take_mark(listing, field.bytes);
		if (field.number == PAGE_NEXT_TOKEN)
			take_token(listing, field.bytes);
	}
}

static double list_rate(struct load *load, uint32_t marks)
{
	Waymark__V1__ListMarksRequest request = WAYMARK__V1__LIST_MARKS_REQUEST__INIT;
	struct listing listing = {.marks = 0};
	double start = bench_seconds();

	request.with_counters = 1;
	request.page_token = listing.token;
	do {
		load_begin(load, "/waymark.v1.MarkerService/ListMarks");
		load_add(load, &request.base);
		load_call(load, take_page, &listing);
	} while (listing.token[0]);
	if (listing.marks != marks)
		bench_fail("%zu marks listed, not %u", listing.marks, marks);
	return marks / (bench_seconds() - start);
}

static double list_unpacked_rate(const struct bench_agent *agent, uint32_t marks)
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
	struct report_case result = {.bench = "list",
				     .name = "with-counters",
				     .unit = "k/s",
				     .must = 0.3,
				     .aim = 0.6,
				     .more_is_better = true};
	double values[REPORT_ROUNDS], unpacked[REPORT_ROUNDS], baselines[REPORT_ROUNDS];
	struct bench_options options;
	struct bench_agent agent;
	struct load *load;
	uint32_t marks;
	char text[32];

	bench_read_options(argc, argv, &options);
	marks = bench_marks_wanted(&options, 100000, 1000000);
	bench_agent_start(&agent, marks, BENCH_UNIX);
	load = load_open(&agent, agent.target);
	snprintf(text, sizeof(text), "%u marks", marks);
	report_head("list", text, options.json);
	declare_marks(agent.client, marks, 0, 0, 1);
	for (int i = 0; i < REPORT_ROUNDS; i++) {
		baselines[i] = raw_measure(marks, RAW_NEW).lookup / 1e3;
		values[i] = list_rate(load, marks) / 1e3;
		unpacked[i] = list_unpacked_rate(&agent, marks) / 1e3;
	}
	report_rounds(result, values, baselines, REPORT_ROUNDS, options.json);
	result.name = "with-counters/unpacked";
	result.must = result.aim = 0;
	report_rounds(result, unpacked, baselines, REPORT_ROUNDS, options.json);
	load_close(load);
	bench_agent_done(&agent);
	return EXIT_SUCCESS;
}
