/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "descriptor_set.h"
#include "rpc/file_set.h"

#define MARKER "waymark/v1/marker.proto"

static struct file_set set;

static int setup(void **state)
{
	(void)state;
	return file_set_init(&set, descriptor_set, descriptor_set_size());
}

static int teardown(void **state)
{
	(void)state;
	file_set_done(&set);
	return 0;
}

static void names(void **state)
{
	(void)state;
	assert_true(file_set_find_name(&set, MARKER) >= 0);
	assert_true(file_set_find_name(&set, "google/protobuf/timestamp.proto") >= 0);
	assert_int_equal(file_set_find_name(&set, "waymark/v1/marker.prot"), -ENOENT);
	assert_int_equal(file_set_find_name(&set, ""), -ENOENT);
}

static void symbols(void **state)
{
	static const char *const found[] = {
		"waymark.v1.MarkerService", "waymark.v1.MarkerService.SetMark",
		"waymark.v1.Mark",	    "waymark.v1.Mark.match",
		"waymark.v1.Mark.label",    "waymark.v1.Kind",
		"waymark.v1.KIND_HOST",
	};
	static const char *const absent[] = {
		"",
		".",
		"waymark",
		"waymark.v1",
		"waymark.v1.",
		".waymark.v1.Mark",
		"waymark.v1.Mar",
		"waymark.v1.Markk",
		"waymark.v1.Mark.",
		"waymark.v1.Mark.no",
		"waymark.v1.Kind.KIND_HOST",
		"waymark.v1.SetMark",
		"waymark.v2.Mark",
		"Mark",
	};
	int file = file_set_find_name(&set, MARKER);

	(void)state;
	for (size_t i = 0; i < sizeof(found) / sizeof(*found); i++)
		assert_int_equal(file_set_find_symbol(&set, found[i]), file);
	for (size_t i = 0; i < sizeof(absent) / sizeof(*absent); i++)
		assert_int_equal(file_set_find_symbol(&set, absent[i]), -ENOENT);
	/* Nested types, and values of nested enums. */
	file = file_set_find_name(&set, "grpc/health/v1/health.proto");
	assert_int_equal(
		file_set_find_symbol(&set, "grpc.health.v1.HealthCheckResponse.ServingStatus"),
		file);
	assert_int_equal(
		file_set_find_symbol(&set, "grpc.health.v1.HealthCheckResponse.SERVING"), file);
}

static void closure(void **state)
{
	int file = file_set_find_name(&set, MARKER);
	int duration = file_set_find_name(&set, "google/protobuf/duration.proto");
	int timestamp = file_set_find_name(&set, "google/protobuf/timestamp.proto");
	bool *wanted = calloc(set.count, sizeof(*wanted));

	(void)state;
	file_set_closure(&set, file, wanted);
	for (int i = 0; i < (int)set.count; i++)
		assert_int_equal(wanted[i], i == file || i == duration || i == timestamp);
	free(wanted);
}

/* Two files that import each other, and one that imports what is not there. */
static void odd_imports(void **state)
{
	static const char bytes[] = "\x0A\x06\x0A\x01"
				    "a\x1A\x01"
				    "b"
				    "\x0A\x09\x0A\x01"
				    "b\x1A\x01"
				    "a\x1A\x01"
				    "c";
	struct file_set odd;
	bool wanted[2] = {false, false};

	(void)state;
	assert_int_equal(file_set_init(&odd, (const uint8_t *)bytes, sizeof(bytes) - 1), 0);
	assert_int_equal(odd.count, 2);
	file_set_closure(&odd, 0, wanted);
	assert_true(wanted[0] && wanted[1]);
	file_set_done(&odd);
}

static void other_bytes(void **state)
{
	struct file_set none;

	(void)state;
	assert_int_equal(file_set_init(&none, (const uint8_t *)"\x0A\x05", 2), -EBADMSG);
	assert_int_equal(file_set_init(&none, (const uint8_t *)"\x12\x00", 2), -EBADMSG);
	assert_int_equal(file_set_init(&none, NULL, 0), 0);
	assert_int_equal(none.count, 0);
	file_set_done(&none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),       cmocka_unit_test(symbols),
		cmocka_unit_test(closure),     cmocka_unit_test(odd_imports),
		cmocka_unit_test(other_bytes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
