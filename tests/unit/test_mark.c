/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/mark.h"

static const struct {
	const char *name;
	struct mark_action a, b;
	bool equal;
} actions[] = {
	{"same label",
	 {.label = MARK_LABEL_RAW, .flow_label = 5},
	 {.label = MARK_LABEL_RAW, .flow_label = 5},
	 true},
	{"other label",
	 {.label = MARK_LABEL_RAW, .flow_label = 5},
	 {.label = MARK_LABEL_RAW, .flow_label = 6},
	 false},
	{"same scitag",
	 {.label = MARK_LABEL_SCITAG, .experiment = 3, .activity = 14},
	 {.label = MARK_LABEL_SCITAG, .experiment = 3, .activity = 14},
	 true},
	{"other experiment",
	 {.label = MARK_LABEL_SCITAG, .experiment = 3, .activity = 14},
	 {.label = MARK_LABEL_SCITAG, .experiment = 2, .activity = 14},
	 false},
	{"other activity",
	 {.label = MARK_LABEL_SCITAG, .experiment = 3, .activity = 14},
	 {.label = MARK_LABEL_SCITAG, .experiment = 3, .activity = 15},
	 false},
	/* A raw label replaces the entropy bits, a scitag keeps them. */
	{"raw label and scitag of equal structure",
	 {.label = MARK_LABEL_RAW, .flow_label = 131076},
	 {.label = MARK_LABEL_SCITAG, .experiment = 1, .activity = 1},
	 false},
	{"dscp and none",
	 {.label = MARK_LABEL_NONE, .has_dscp = true},
	 {.label = MARK_LABEL_NONE},
	 false},
	{"other dscp", {.has_dscp = true, .dscp = 46}, {.has_dscp = true, .dscp = 8}, false},
	{"same dscp", {.has_dscp = true, .dscp = 46}, {.has_dscp = true, .dscp = 46}, true},
	{"fields that are not written",
	 {.label = MARK_LABEL_NONE, .flow_label = 1, .dscp = 2},
	 {.label = MARK_LABEL_NONE, .experiment = 3},
	 true},
};

static void test_action_equal(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (mark_action_equal(&actions[i].a, &actions[i].b) != actions[i].equal ||
		    mark_action_equal(&actions[i].b, &actions[i].a) != actions[i].equal)
			fail_msg("%s: must be %s", actions[i].name,
				 actions[i].equal ? "equal" : "different");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_action_equal)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
