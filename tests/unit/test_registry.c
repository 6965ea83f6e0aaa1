/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "core/registry.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static int parse(const char *json, struct registry **ret, struct fault *fault)
{
	return registry_parse(json, strlen(json), ret, fault);
}

/* ---- the builtin one ---- */

static int count_pair(uint16_t experiment, const char *experiment_name, uint8_t activity,
		      const char *activity_name, void *user)
{
	unsigned int *count = user;

	assert_true(experiment >= 1 && experiment <= SCITAG_EXPERIMENT_MAX);
	assert_true(activity <= SCITAG_ACTIVITY_MAX);
	assert_non_null(experiment_name);
	assert_non_null(activity_name);
	++*count;
	return 0;
}

static void test_builtin(void **state)
{
	struct registry *registry;
	unsigned int count = 0;

	(void)state;
	assert_int_equal(registry_builtin(&registry), 0);
	assert_string_equal(registry_modified(registry), "2025-09-04T12:01:55.844133+00:00");
	assert_string_equal(registry_experiment_name(registry, 3), "cms");
	assert_string_equal(registry_activity_name(registry, 3, 14), "Analysis Input");
	assert_null(registry_activity_name(registry, 3, 63));
	assert_null(registry_activity_name(registry, 200, 1));
	assert_null(registry_experiment_name(registry, 0));
	assert_null(registry_experiment_name(registry, 512));
	assert_null(registry_activity_name(registry, 3, 64));
	assert_int_equal(registry_each(registry, count_pair, &count), 0);
	assert_int_equal(count, 114);
	registry_free(registry);
}

/* ---- good files ---- */

#define ACTIVITY(id, name) "{\"activityId\": " id ", \"activityName\": " name "}"
#define EXPERIMENT(id, name, activities) \
	"{\"expId\": " id ", \"expName\": " name ", \"activities\": [" activities "]}"
#define REGISTRY(experiments) "{\"experiments\": [" experiments "]}"

static void test_empty(void **state)
{
	struct registry *registry;

	(void)state;
	assert_int_equal(parse(REGISTRY(""), &registry, NULL), 0);
	assert_string_equal(registry_modified(registry), "");
	assert_null(registry_experiment_name(registry, 1));
	assert_int_equal(registry_find_experiment(registry, "cms"), -ENOENT);
	assert_int_equal(registry_find_activity(registry, 1, "x"), -ENOENT);
	registry_free(registry);
	registry_free(NULL);
}

static void test_unknown_keys_are_ignored(void **state)
{
	static const char json[] =
		"{\"version\": {}, \"colour\": 1, \"modified\": \"today\", \"experiments\": ["
		"{\"expId\": 511, \"expName\": \"\\u00fcber\", \"site\": null, \"activities\":"
		"[{\"activityId\": 63, \"activityName\": \"x\", \"since\": 2030}]}]}";
	struct registry *registry;

	(void)state;
	assert_int_equal(parse(json, &registry, NULL), 0);
	assert_string_equal(registry_modified(registry), "today");
	assert_string_equal(registry_experiment_name(registry, 511), "\xC3\xBC"
								     "ber");
	assert_string_equal(registry_activity_name(registry, 511, 63), "x");
	registry_free(registry);
}

static void test_find(void **state)
{
	static const char json[] = REGISTRY(EXPERIMENT("7", "\"b\xC3\xBC\"", "") "," EXPERIMENT(
		"5", "\"x\"",
		ACTIVITY("1", "\"Ab\"") "," ACTIVITY("2", "\"AB\"") "," ACTIVITY(
			"3", "\"Data Challenge\"")));
	struct registry *registry;

	(void)state;
	assert_int_equal(parse(json, &registry, NULL), 0);
	assert_int_equal(registry_find_experiment(registry, "X"), 5);
	assert_int_equal(registry_find_experiment(registry, "B\xC3\xBC"), 7);
	/* Only ASCII letters have a case. */
	assert_int_equal(registry_find_experiment(registry, "b\xC3\x9C"), -ENOENT);
	assert_int_equal(registry_find_activity(registry, 5, "AB"), 2);
	assert_int_equal(registry_find_activity(registry, 5, "ab"), -ENOTUNIQ);
	assert_int_equal(registry_find_activity(registry, 5, "data challenge"), 3);
	assert_int_equal(registry_find_activity(registry, 5, "DataChallenge"), -ENOENT);
	assert_int_equal(registry_find_activity(registry, 5, ""), -ENOENT);
	registry_free(registry);
}

struct visit {
	char text[64];
	int left;
};

static int note_pair(uint16_t experiment, const char *experiment_name, uint8_t activity,
		     const char *activity_name, void *user)
{
	struct visit *visit = user;
	size_t used = strlen(visit->text);

	snprintf(visit->text + used, sizeof(visit->text) - used, "%u%s%u%s ", experiment,
		 experiment_name, activity, activity_name);
	return --visit->left == 0 ? 42 : 0;
}

static void test_each_in_order_until_stopped(void **state)
{
	static const char json[] = REGISTRY(EXPERIMENT(
		"9", "\"b\"",
		ACTIVITY("4", "\"x\"") "," ACTIVITY(
			"2", "\"y\"")) "," EXPERIMENT("8", "\"n\"",
						      "") "," EXPERIMENT("1", "\"a\"",
									 ACTIVITY("0",
										  "\"z\"")));
	struct visit whole = {.left = 0}, stopped = {.left = 2};
	struct registry *registry;

	(void)state;
	assert_int_equal(parse(json, &registry, NULL), 0);
	assert_int_equal(registry_each(registry, note_pair, &whole), 0);
	assert_string_equal(whole.text, "1a0z 9b2y 9b4x ");
	assert_int_equal(registry_each(registry, note_pair, &stopped), 42);
	assert_string_equal(stopped.text, "1a0z 9b2y ");
	registry_free(registry);
}

/* ---- bad files ---- */

#define TWENTY "aaaaaaaaaaaaaaaaaaaa"
#define TOO_LONG TWENTY TWENTY TWENTY TWENTY TWENTY TWENTY "aaaaaaaaa"

static const struct {
	const char *name, *json, *message;
} bad[] = {
	{"empty", "", "line 1"},
	{"no JSON", "experiments:\n  - cms\n", "line 1"},
	{"syntax in line 3", "{\"experiments\":\n[{\"expId\": 1,\n\"expName\" 2}]}", "line 3"},
	{"cut off", "{\"experiments\":\n[", "line 2"},
	{"invalid UTF-8", "{\"experiments\":\n\n[\"\xFF\"]}", "line 3"},
	{"something behind", REGISTRY("") "\n{}", "line 2"},
	{"key twice", "{\"experiments\": [],\n\"experiments\": []}", "line 2"},
	{"NUL in a name", REGISTRY(EXPERIMENT("1", "\"a\\u0000b\"", "")), "line 1"},
	{"array", "[]", "must be a JSON object"},
	{"no experiments", "{}", "experiments: must be an array"},
	{"experiments of another type", "{\"experiments\": {}}",
	 "experiments: must be an array"},
	{"modified of another type", "{\"experiments\": [], \"modified\": 1}",
	 "modified: must be a string"},
	{"experiment of another type", REGISTRY("1"), "experiments[0]: must be an object"},
	{"no id", REGISTRY("{\"expName\": \"a\"}"), "experiments[0].expId: must be an integer"},
	{"id as text", REGISTRY(EXPERIMENT("\"1\"", "\"a\"", "")),
	 "experiments[0].expId: must be an integer"},
	{"id as real", REGISTRY(EXPERIMENT("1.0", "\"a\"", "")),
	 "experiments[0].expId: must be an integer"},
	{"id 0", REGISTRY(EXPERIMENT("0", "\"a\"", "")),
	 "experiments[0].expId 0: not in 1..511"},
	{"id 512", REGISTRY(EXPERIMENT("512", "\"a\"", "")), "expId 512: not in 1..511"},
	{"id -1", REGISTRY(EXPERIMENT("-1", "\"a\"", "")), "expId -1: not in 1..511"},
	{"id 2^32 + 1", REGISTRY(EXPERIMENT("4294967297", "\"a\"", "")),
	 "expId 4294967297: not in 1..511"},
	{"no name", REGISTRY("{\"expId\": 1}"), "experiments[0].expName: must be a string"},
	{"empty name", REGISTRY(EXPERIMENT("1", "\"\"", "")),
	 "experiments[0].expName of 0 octets: not in 1..128"},
	{"long name", REGISTRY(EXPERIMENT("1", "\"" TOO_LONG "\"", "")),
	 "experiments[0].expName of 129 octets: not in 1..128"},
	{"no activities", REGISTRY("{\"expId\": 1, \"expName\": \"a\"}"),
	 "experiments[0].activities: must be an array"},
	{"id twice", REGISTRY(EXPERIMENT("1", "\"a\"", "") "," EXPERIMENT("1", "\"b\"", "")),
	 "experiments[1].expId 1: \"a\" has this id already"},
	{"name twice", REGISTRY(EXPERIMENT("1", "\"a\"", "") "," EXPERIMENT("2", "\"a\"", "")),
	 "experiments[1].expName \"a\": 1 has this name already"},
	{"activity of another type", REGISTRY(EXPERIMENT("1", "\"a\"", "null")),
	 "experiments[0].activities[0]: must be an object"},
	{"activity 64", REGISTRY(EXPERIMENT("1", "\"a\"", ACTIVITY("64", "\"x\""))),
	 "experiments[0].activities[0].activityId 64: not in 0..63"},
	{"activity -1", REGISTRY(EXPERIMENT("1", "\"a\"", ACTIVITY("-1", "\"x\""))),
	 "activityId -1: not in 0..63"},
	{"activity's name", REGISTRY(EXPERIMENT("1", "\"a\"", ACTIVITY("1", "7"))),
	 "experiments[0].activities[0].activityName: must be a string"},
	{"activity's id twice",
	 REGISTRY(EXPERIMENT("1", "\"a\"", ACTIVITY("1", "\"x\"") "," ACTIVITY("1", "\"y\""))),
	 "experiments[0].activities[1].activityId 1: \"x\" has this id already"},
	{"activity's name twice",
	 REGISTRY(EXPERIMENT("1", "\"a\"", ACTIVITY("1", "\"x\"") "," ACTIVITY("2", "\"x\""))),
	 "experiments[0].activities[1].activityName \"x\": 1 has this name already"},
};

static void test_bad(void **state)
{
	static int nothing;
	struct registry *const untouched = (void *)&nothing;

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		struct registry *registry = untouched;
		struct fault fault = {.code = FAULT_NONE};

		if (parse(bad[i].json, &registry, &fault) != -EINVAL)
			fail_msg("%s was accepted", bad[i].name);
		if (fault.code != FAULT_INVALID_ARGUMENT ||
		    strcmp(fault.reason, "REGISTRY") != 0 || fault.field[0] ||
		    !strstr(fault.message, bad[i].message))
			fail_msg("%s: %s: %s", bad[i].name, fault.reason, fault.message);
		assert_ptr_equal(registry, untouched);
	}
}

/* Names repeat among experiments, and names that differ in case only are two names. */
static void test_scopes(void **state)
{
	static const char json[] = REGISTRY(EXPERIMENT(
		"1", "\"a\"",
		ACTIVITY("1", "\"x\"") "," ACTIVITY(
			"2", "\"X\"")) "," EXPERIMENT("2", "\"A\"", ACTIVITY("1", "\"x\"")));
	struct registry *registry;

	(void)state;
	assert_int_equal(parse(json, &registry, NULL), 0);
	assert_int_equal(registry_find_activity(registry, 1, "X"), 2);
	assert_int_equal(registry_find_activity(registry, 2, "X"), 1);
	registry_free(registry);
}

/* Every beginning of a good file is refused, none crashes. */
static void test_every_truncation(void **state)
{
	static const char json[] = REGISTRY(EXPERIMENT("1", "\"a\"", ACTIVITY("1", "\"x\"")));

	(void)state;
	for (size_t length = 0; length < sizeof(json) - 1; length++) {
		cleanup(free_bytes) char *exact = malloc(length + 1);
		struct registry *registry;

		memcpy(exact, json, length);
		assert_int_equal(registry_parse(exact, length, &registry, NULL), -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_builtin),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_unknown_keys_are_ignored),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_each_in_order_until_stopped),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_scopes),
		cmocka_unit_test(test_every_truncation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
