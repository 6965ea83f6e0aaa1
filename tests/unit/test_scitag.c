/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "core/scitag.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* ---- the label ---- */

/* The published pairs: "id,name,id,name,id<<6|id,label,...". */
static void test_vectors(void **state)
{
	cleanup(close_file) FILE *file = fopen(LABELS_FILE, "re");
	unsigned int experiment, activity, combined, label, vectors = 0;
	char line[256], names[128];

	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	while (fgets(line, sizeof(line), file)) {
		uint16_t decoded_experiment;
		uint8_t decoded_activity;
		const char *name;

		assert_int_equal(sscanf(line, "%u,%*[^,],%u,%127[^,],%u,%u,", &experiment,
					&activity, names, &combined, &label),
				 5);
		assert_int_equal(combined, experiment << 6 | activity);
		assert_int_equal(scitag_encode((uint16_t)experiment, (uint8_t)activity), label);
		scitag_decode(label, &decoded_experiment, &decoded_activity);
		assert_int_equal(decoded_experiment, experiment);
		assert_int_equal(decoded_activity, activity);
		name = registry_activity_name(*state, (uint16_t)experiment, (uint8_t)activity);
		assert_non_null(name);
		assert_string_equal(name, names);
		vectors++;
	}
	assert_int_equal(vectors, 114);
}

/* All 2^20 labels of all pairs: only structural bits are written, entropy is ignored. */
static void test_round_trip_exhaustive(void **state)
{
	(void)state;
	for (uint32_t label = 0; label <= SCITAG_LABEL_MAX; label++) {
		uint16_t experiment;
		uint8_t activity;

		scitag_decode(label, &experiment, &activity);
		if (experiment > SCITAG_EXPERIMENT_MAX || activity > SCITAG_ACTIVITY_MAX ||
		    scitag_encode(experiment, activity) != (label & SCITAG_STRUCTURAL_MASK))
			fail_msg("label 0x%05x", label);
	}
	for (uint16_t e = 0; e <= SCITAG_EXPERIMENT_MAX; e++)
		for (uint8_t a = 0; a <= SCITAG_ACTIVITY_MAX; a++) {
			uint16_t experiment;
			uint8_t activity;

			scitag_decode(scitag_encode(e, a), &experiment, &activity);
			if (experiment != e || activity != a)
				fail_msg("experiment %u, activity %u", e, a);
		}
}

/* ---- names ---- */

static const char registry_text[] =
	"{\"experiments\": ["
	"{\"expName\": \"atlas\", \"expId\": 2, \"activities\": []},"
	"{\"expName\": \"cms\", \"expId\": 3, \"activities\": ["
	" {\"activityName\": \"Analysis Input\", \"activityId\": 14},"
	" {\"activityName\": \"Debug\", \"activityId\": 8},"
	" {\"activityName\": \"DEBUG\", \"activityId\": 9}]},"
	"{\"expName\": \"CMS\", \"expId\": 4, \"activities\": []}]}";

static const struct {
	const char *name;
	struct scitag_text text; /* ids, then names */
	unsigned int experiment, activity;
} good[] = {
	{"ids", {3, 14, "", ""}, 3, 14},
	{"no activity", {3, 0, "", ""}, 3, 0},
	{"NULL names", {3, 14, NULL, NULL}, 3, 14},
	{"names", {0, 0, "cms", "Analysis Input"}, 3, 14},
	{"ids and names that agree", {3, 14, "cms", "Analysis Input"}, 3, 14},
	{"experiment by id, activity by name", {3, 0, "", "Analysis Input"}, 3, 14},
	{"experiment by name, activity by id", {0, 14, "atlas", ""}, 2, 14},
	{"another case", {0, 0, "ATLAS", ""}, 2, 0},
	{"another case in the activity", {3, 0, "", "aNALYSIS iNPUT"}, 3, 14},
	{"exact match first", {0, 0, "CMS", ""}, 4, 0},
	{"exact match first in the activity", {3, 0, "", "DEBUG"}, 3, 9},
	{"greatest ids, unknown to the registry", {511, 63, "", ""}, 511, 63},
	{"least ids, unknown to the registry", {1, 1, "", ""}, 1, 1},
};

static void test_resolve_good(void **state)
{
	for (size_t i = 0; i < LENGTH(good); i++) {
		uint16_t experiment;
		uint8_t activity;
		struct fault fault;

		if (scitag_resolve(*state, &good[i].text, &experiment, &activity, &fault) < 0)
			fail_msg("%s: %s", good[i].name, fault.message);
		if (experiment != good[i].experiment || activity != good[i].activity)
			fail_msg("%s: %u %u", good[i].name, experiment, activity);
	}
}

static const struct {
	const char *name;
	struct scitag_text text; /* ids, then names */
	const char *field, *reason, *message;
} bad[] = {
	{"nothing",
	 {0, 0, "", ""},
	 "experiment_id",
	 "MISSING_FIELD",
	 "needs experiment_id or experiment"},
	{"activity only", {0, 14, "", "Debug"}, "experiment_id", "MISSING_FIELD", "needs"},
	{"experiment 512",
	 {512, 0, "", ""},
	 "experiment_id",
	 "OUT_OF_RANGE",
	 "experiment_id 512: not in 1..511"},
	{"experiment 65536 + 3", {65539, 0, "", ""}, "experiment_id", "OUT_OF_RANGE", "65539"},
	{"a wire label as the id",
	 {196664, 0, "cms", ""},
	 "experiment_id",
	 "OUT_OF_RANGE",
	 "196664"},
	{"activity 64",
	 {3, 64, "", ""},
	 "activity_id",
	 "OUT_OF_RANGE",
	 "activity_id 64: not in 0..63"},
	{"activity 256 + 14", {3, 270, "", ""}, "activity_id", "OUT_OF_RANGE", "270"},
	{"unknown experiment",
	 {0, 0, "xyz", ""},
	 "experiment",
	 "UNKNOWN_NAME",
	 "experiment \"xyz\": not in the registry"},
	{"unknown experiment beside an id",
	 {3, 0, "xyz", ""},
	 "experiment",
	 "UNKNOWN_NAME",
	 "\"xyz\""},
	{"a space behind", {0, 0, "cms ", ""}, "experiment", "UNKNOWN_NAME", "\"cms \""},
	{"part of a name", {0, 0, "cm", ""}, "experiment", "UNKNOWN_NAME", "\"cm\""},
	{"a number as the name", {0, 0, "3", ""}, "experiment", "UNKNOWN_NAME", "\"3\""},
	{"unknown activity",
	 {3, 0, "", "xyz"},
	 "activity",
	 "UNKNOWN_NAME",
	 "activity \"xyz\": not in the registry"},
	{"two spaces",
	 {3, 0, "", "Analysis  Input"},
	 "activity",
	 "UNKNOWN_NAME",
	 "\"Analysis  Input\""},
	{"activity of another experiment",
	 {2, 0, "", "Debug"},
	 "activity",
	 "UNKNOWN_NAME",
	 "\"Debug\""},
	{"activity name of an unknown experiment",
	 {200, 0, "", "Debug"},
	 "activity",
	 "UNKNOWN_NAME",
	 "activity \"Debug\": experiment 200 is not in the registry"},
	{"ambiguous experiment",
	 {0, 0, "Cms", ""},
	 "experiment",
	 "AMBIGUOUS_NAME",
	 "experiment \"Cms\": several names"},
	{"ambiguous activity",
	 {3, 0, "", "debug"},
	 "activity",
	 "AMBIGUOUS_NAME",
	 "activity \"debug\": several names"},
	{"experiment's id and name",
	 {2, 0, "cms", ""},
	 "experiment",
	 "CONFLICT",
	 "experiment \"cms\" is 3 in the registry, but experiment_id is 2"},
	{"activity's id and name",
	 {3, 8, "", "Analysis Input"},
	 "activity",
	 "CONFLICT",
	 "activity \"Analysis Input\" is 14 in the registry, but activity_id is 8"},
};

static void test_resolve_bad(void **state)
{
	for (size_t i = 0; i < LENGTH(bad); i++) {
		uint16_t experiment = 0xA5A5;
		uint8_t activity = 0xA5;
		struct fault fault = {.code = FAULT_NONE};

		if (scitag_resolve(*state, &bad[i].text, &experiment, &activity, &fault) !=
		    -EINVAL)
			fail_msg("%s was accepted", bad[i].name);
		if (fault.code != FAULT_INVALID_ARGUMENT ||
		    strcmp(fault.field, bad[i].field) != 0 ||
		    strcmp(fault.reason, bad[i].reason) != 0 ||
		    !strstr(fault.message, bad[i].message))
			fail_msg("%s: %s %s: %s", bad[i].name, fault.field, fault.reason,
				 fault.message);
		assert_int_equal(experiment, 0xA5A5);
		assert_int_equal(activity, 0xA5);
	}
}

static int open_builtin(void **state)
{
	return registry_builtin((struct registry **)state);
}

static int open_registry(void **state)
{
	return registry_parse(registry_text, sizeof(registry_text) - 1,
			      (struct registry **)state, NULL);
}

static int close_registry(void **state)
{
	registry_free(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_vectors, open_builtin, close_registry),
		cmocka_unit_test(test_round_trip_exhaustive),
		cmocka_unit_test_setup_teardown(test_resolve_good, open_registry,
						close_registry),
		cmocka_unit_test_setup_teardown(test_resolve_bad, open_registry,
						close_registry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
