/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "datapath/stack.h"

#define N 6

/* eth0 and eth1 are ports of bond0; bond0.5 and bond0.6 stand on bond0; other stands alone. */
static const struct stack_device devices[N] = {
	{.device = {"eth0", 2, 1}, .master = 4},
	{.device = {"eth1", 3, 1}, .master = 4},
	{.device = {"bond0", 4, 1}},
	{.device = {"bond0.5", 7, 1}, .lower = 4},
	{.device = {"bond0.6", 8, 1}, .lower = 4},
	{.device = {"other", 9, 1}},
};

/* names: separated by spaces. wanted: C, y and - for each device. */
static const struct {
	const char *names, *wanted;
} cases[] = {
	{"", "------"},
	{"eth0", "C-----"},
	{"eth", "------"},
	{"eth?", "CC----"},
	{"*", "CCyyyC"},
	{"e*[0-9]", "CC----"},
	{"bond*", "--Cyy-"},
	{"bond0.*", "---CC-"},
	{"eth* bond0.*", "CC-yy-"},
	/* one port may carry what the others do not */
	{"eth0 bond*", "C-yyy-"},
	/* orders are orders, even if packets then count twice */
	{"eth0 bond0 bond0.5", "C-CC--"},
	/* patterns give way to orders above and below */
	{"bond0 *", "yyCyyC"},
	{"bond0.5 *", "yyyCCC"},
	{"eth0 *", "CCyyyC"},
	{"eth1 eth*", "CC----"},
	{"other *", "CCyyyC"},
	{"[!e]*", "--CyyC"},
	/* a name that a pattern matches too is an order */
	{"bond0.5 bond0.*", "---CC-"},
};

static void choose(const char *text, char ret[static N + 1])
{
	char copy[64], *items[8];
	struct stack_names names = {items, 0};
	enum stack_choice choices[N];

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *rest = copy, *word; (word = strsep(&rest, " "));)
		if (word[0])
			items[names.n++] = word;
	assert_int_equal(stack_choose(devices, N, &names, choices), 0);
	for (size_t i = 0; i < N; i++)
		ret[i] = "-yC"[choices[i]];
	ret[N] = '\0';
}

static void test_choices(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char chosen[N + 1];

		choose(cases[i].names, chosen);
		if (strcmp(chosen, cases[i].wanted) != 0)
			fail_msg("\"%s\": %s instead of %s", cases[i].names, chosen,
				 cases[i].wanted);
	}
}

/* Numbers of devices that we have not heard of, and rings that cannot be. */
static void test_strange_stacks(void **state)
{
	static const struct stack_device ring[] = {
		{.device = {"a", 1, 1}, .lower = 2, .master = 99},
		{.device = {"b", 2, 1}, .lower = 1},
		{.device = {"c", 3, 1}, .lower = 98},
	};
	static char *const items[] = {(char *)"*"};
	enum stack_choice choices[3];

	(void)state;
	assert_int_equal(stack_choose(ring, 3, &(struct stack_names){items, 1}, choices), 0);
	assert_int_equal(choices[2], STACK_CHOSEN);
	assert_int_equal(stack_choose(NULL, 0, &(struct stack_names){items, 1}, NULL), 0);
}

static void test_patterns(void **state)
{
	(void)state;
	assert_false(stack_is_pattern("eth0"));
	assert_true(stack_is_pattern("eth*"));
	assert_true(stack_is_pattern("eth?"));
	assert_true(stack_is_pattern("eth[01]"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choices),
		cmocka_unit_test(test_strange_stacks),
		cmocka_unit_test(test_patterns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
