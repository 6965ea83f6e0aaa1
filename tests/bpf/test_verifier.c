/* SPDX-License-Identifier: Apache-2.0 */
/* How hard the programs are for the verifier, against what was recorded. */
#include <errno.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "check.h"
#include "lab.h"
#include "marker.skel.h"

#define BUDGET TEST_SOURCE "/verifier-budget.txt"
#define PROGRAMS 7
#define STATISTICS 4 /* log level */
#define LOG_SIZE 65536
#define UNRECORDED_MAX 250000 /* a quarter of what any kernel accepts */

struct cost {
	char kernel[16]; /* "6.18" */
	char program[32];
	unsigned instructions, states;
};

static struct cost costs[PROGRAMS];

static void kernel_name(char name[16])
{
	struct utsname system;
	unsigned major, minor;

	assert_int_equal(uname(&system), 0);
	assert_int_equal(sscanf(system.release, "%u.%u", &major, &minor), 2);
	snprintf(name, 16, "%u.%u", major % 1000, minor % 1000);
}

static void log_parse(const char *log, struct cost *cost)
{
	const char *line = strstr(log, "processed ");

	assert_non_null(line);
	assert_int_equal(sscanf(line,
				"processed %u insns (limit %*u) max_states_per_insn %*u "
				"total_states %u",
				&cost->instructions, &cost->states),
			 2);
}

static int costs_measure(void **state)
{
	struct marker *marker = marker__open();
	static char logs[PROGRAMS][LOG_SIZE];
	struct bpf_program *program;
	size_t i = 0;

	(void)state;
	if (geteuid() != 0)
		fail_msg("needs root: it loads BPF programs into the running kernel");
	assert_non_null(marker);
	lab_size(marker);
	bpf_object__for_each_program(program, marker->obj)
	{
		assert_true(i < PROGRAMS);
		bpf_program__set_log_level(program, STATISTICS);
		bpf_program__set_log_buf(program, logs[i++], LOG_SIZE);
	}
	assert_int_equal(marker__load(marker), 0);
	i = 0;
	bpf_object__for_each_program(program, marker->obj)
	{
		kernel_name(costs[i].kernel);
		snprintf(costs[i].program, sizeof(costs[i].program), "%s",
			 bpf_program__name(program));
		log_parse(logs[i], &costs[i]);
		i++;
	}
	assert_int_equal(i, PROGRAMS);
	marker__destroy(marker);
	return 0;
}

/* What the file has for a program on this kernel; false: nothing. */
static bool budget_find(const struct cost *cost, struct cost *budget)
{
	FILE *file = fopen(BUDGET, "r");
	bool found = false;
	char line[128];

	assert_non_null(file);
	while (!found && fgets(line, sizeof(line), file))
		found = sscanf(line, "%15s %31s %u %u", budget->kernel, budget->program,
			       &budget->instructions, &budget->states) == 4 &&
			strcmp(budget->kernel, cost->kernel) == 0 &&
			strcmp(budget->program, cost->program) == 0;
	fclose(file);
	return found;
}

static void test_within_budget(void **state)
{
	(void)state;
	for (size_t i = 0; i < PROGRAMS; i++) {
		const struct cost *cost = &costs[i];
		struct cost budget;

		print_message("%s %s %u %u\n", cost->kernel, cost->program, cost->instructions,
			      cost->states);
		if (!budget_find(cost, &budget)) {
			print_message("# nothing recorded for this kernel\n");
			assert_in_range(cost->instructions, 1, UNRECORDED_MAX);
			continue;
		}
		assert_in_range(cost->instructions, 1, budget.instructions * 6 / 5);
		assert_in_range(cost->states, 0, budget.states * 6 / 5);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_within_budget)};

	return cmocka_run_group_tests(tests, costs_measure, NULL);
}
