/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SetMark, durable, and GetMark, against a server of the same library and number of threads
 * that answers each call with its request. Every round calls all three one after the other.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <waymark/client.h>

#include "agent.h"
#include "declare.h"
#include "load.h"
#include "marks.h"
#include "report.h"

enum { MARKS = 4096 };
enum { ECHO, SET, GET, METHODS };

struct rpc {
	struct bench_options options;
	struct bench_agent agent;
	struct load *agent_load, *echo_load;
	pid_t echo;
	const char *transport;
	double seconds; /* of one method in one round */
	ProtobufCMessage *set[MARKS], *get[MARKS];
};

static void make_requests(struct rpc *rpc)
{
	static Waymark__V1__SetMarkRequest set[MARKS];
	static Waymark__V1__GetMarkRequest get[MARKS];
	struct bench_marks marks; /* for as long as the program runs */

	bench_marks_init(&marks, MARKS);
	bench_marks_fill(&marks, 0, MARKS, 1);
	for (size_t i = 0; i < MARKS; i++) {
		/* Each call changes its mark: the number of calls is no multiple of this. */
		marks.marks[i].flow_label = (uint32_t)i;
		waymark__v1__set_mark_request__init(&set[i]);
		set[i].mark = &marks.marks[i];
		waymark__v1__get_mark_request__init(&get[i]);
		get[i].match = &marks.matches[i];
		rpc->set[i] = &set[i].base;
		rpc->get[i] = &get[i].base;
	}
}

static struct load_result measure(struct rpc *rpc, int method, unsigned int outstanding)
{
	static const char *const paths[METHODS] = {
		LOAD_ECHO_PATH,
		"/waymark.v1.MarkerService/SetMark",
		"/waymark.v1.MarkerService/GetMark",
	};
	struct load *load = method == ECHO ? rpc->echo_load : rpc->agent_load;

	load_begin(load, paths[method]);
	for (size_t i = 0; i < MARKS; i++)
		load_add(load, method == GET ? rpc->get[i] : rpc->set[i]);
	return load_run(load, outstanding, rpc->seconds,
			method == ECHO ? rpc->echo : rpc->agent.pid);
}

/* ---- what is said ---- */

struct rounds {
	struct load_result results[METHODS][REPORT_ROUNDS];
};

struct figure {
	const char *name, *unit;
	size_t place; /* of the double in struct load_result */
	bool more_is_better;
};

static const struct figure figures[] = {
	{"calls", "c/s", offsetof(struct load_result, rate), true},
	{"p50", "us", offsetof(struct load_result, p50), false},
	{"p99", "us", offsetof(struct load_result, p99), false},
	{"cpu", "us", offsetof(struct load_result, cpu), false},
};

static void report_figure(const struct rpc *rpc, const struct rounds *rounds, int method,
			  unsigned int outstanding, const struct figure *figure)
{
	const bool has_goal = method == SET && outstanding >= 64 && figure == &figures[0];
	double values[REPORT_ROUNDS], baselines[REPORT_ROUNDS];
	char name[64];

	for (int i = 0; i < REPORT_ROUNDS; i++) {
		const char *mine = (const char *)&rounds->results[method][i];
		const char *echo = (const char *)&rounds->results[ECHO][i];

		values[i] = *(const double *)(mine + figure->place);
		baselines[i] = *(const double *)(echo + figure->place);
	}
	snprintf(name, sizeof(name), "%s/%s/%u/%s", method == SET ? "set" : "get",
		 rpc->transport, outstanding, figure->name);
	report_rounds((struct report_case){.bench = "rpc",
					   .name = name,
					   .unit = figure->unit,
					   .must = has_goal ? 0.7 : 0,
					   .aim = has_goal ? 0.9 : 0,
					   .more_is_better = figure->more_is_better},
		      values, baselines, REPORT_ROUNDS, rpc->options.json);
}

static void play(struct rpc *rpc, unsigned int outstanding)
{
	struct rounds rounds;

	for (int i = 0; i < REPORT_ROUNDS; i++)
		for (int method = 0; method < METHODS; method++)
			rounds.results[method][i] = measure(rpc, method, outstanding);
	for (int method = SET; method < METHODS; method++)
		for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
			report_figure(rpc, &rounds, method, outstanding, &figures[i]);
}

/* ---- the bench ---- */

static void play_transport(struct rpc *rpc, enum bench_transport transport, const char *name)
{
	static const unsigned int outstanding[] = {1, 16, 256};
	char target[128];

	if (!bench_wants(&rpc->options, name))
		return;
	rpc->transport = name;
	bench_agent_start(&rpc->agent, 2 * MARKS, transport);
	rpc->echo = load_echo_start(&rpc->agent, target);
	rpc->agent_load = load_open(&rpc->agent, rpc->agent.target);
	rpc->echo_load = load_open(&rpc->agent, target);
	declare_marks(rpc->agent.client, MARKS, 0, 0, 1);
	measure(rpc, SET, 256); /* so that all connections stand */
	measure(rpc, ECHO, 256);
	for (size_t i = 0; i < sizeof(outstanding) / sizeof(outstanding[0]); i++)
		play(rpc, outstanding[i]);
	load_close(rpc->agent_load);
	load_close(rpc->echo_load);
	load_echo_stop(rpc->echo);
	bench_agent_done(&rpc->agent);
}

int main(int argc, char *argv[])
{
	static struct rpc rpc;

	load_echo_main(argc, argv);
	bench_read_options(argc, argv, &rpc.options);
	rpc.seconds = rpc.options.quick ? 0.2 : 1;
	make_requests(&rpc);
	report_head("rpc", rpc.options.quick ? "quick" : "", rpc.options.json);
	play_transport(&rpc, BENCH_UNIX, "unix");
	play_transport(&rpc, BENCH_TCP, "tcp");
	play_transport(&rpc, BENCH_TLS, "tls");
	return EXIT_SUCCESS;
}
