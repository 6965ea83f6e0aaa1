/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "clients/cli/option.h"
#include "clients/cli/value.h"

struct values {
	const char *name;
	uint32_t port;
	bool quick;
};

static const struct option options[] = {
	{"--name", 'n', "TEXT", "TEST_CLI_NAME", "a name", read_text,
	 offsetof(struct values, name)},
	{"--port", 0, "N", NULL, "a port", read_port, offsetof(struct values, port)},
	{"--quick", 'q', NULL, NULL, "a flag", read_flag, offsetof(struct values, quick)},
	{0},
};

#define ARGV(...) ((const char *[]){__VA_ARGS__, NULL})

static struct values values;
static char reason[REASON_MAX];
static const struct option_set sets[] = {{options, &values}, {NULL, NULL}};

static int setup(void **state)
{
	(void)state;
	values = (struct values){0};
	reason[0] = '\0';
	return 0;
}

static void test_spellings(void **state)
{
	const char **argv = ARGV("a", "--name", "x", "b", "--port=80", "-q", "-");

	(void)state;
	assert_int_equal(options_read_all(sets, argv, reason), 3);
	assert_string_equal(argv[0], "a");
	assert_string_equal(argv[1], "b");
	assert_string_equal(argv[2], "-");
	assert_null(argv[3]);
	assert_string_equal(values.name, "x");
	assert_int_equal(values.port, 80);
	assert_true(values.quick);

	assert_int_equal(options_read_all(sets, ARGV("-n", "y"), reason), 0);
	assert_string_equal(values.name, "y");
	assert_int_equal(options_read_all(sets, ARGV("-nz"), reason), 0);
	assert_string_equal(values.name, "z");
	assert_int_equal(options_read_all(sets, ARGV("--name=a=b"), reason), 0);
	assert_string_equal(values.name, "a=b");
	/* A value is a value, whatever it looks like; the last one holds. */
	assert_int_equal(
		options_read_all(sets, ARGV("--name", "1", "--name", "--quick"), reason), 0);
	assert_string_equal(values.name, "--quick");
}

static void test_end_of_options(void **state)
{
	const char **argv = ARGV("a", "--", "--quick", "--");

	(void)state;
	assert_int_equal(options_read_all(sets, argv, reason), 3);
	assert_string_equal(argv[1], "--quick");
	assert_string_equal(argv[2], "--");
	assert_false(values.quick);
}

static void test_leading(void **state)
{
	(void)state;
	assert_int_equal(options_read_leading(
				 sets, ARGV("--port", "1", "-q", "set", "--name", "x"), reason),
			 3);
	assert_int_equal(values.port, 1);
	assert_null(values.name);
	assert_int_equal(options_read_leading(sets, ARGV("set"), reason), 0);
}

static void refuse(const char **argv, const char *expected)
{
	assert_int_equal(options_read_all(sets, argv, reason), -1);
	assert_string_equal(reason, expected);
}

static void test_refusals(void **state)
{
	(void)state;
	refuse(ARGV("--nam", "x"), "unknown option '--nam'");
	refuse(ARGV("--namer=x"), "unknown option '--namer'");
	refuse(ARGV("-x"), "unknown option '-x'");
	refuse(ARGV("--port"), "--port needs a value: N");
	refuse(ARGV("--port", "http"), "--port 'http': not a number in 1..65535");
	refuse(ARGV("--port="), "--port '': not a number in 1..65535");
	refuse(ARGV("--quick=yes"), "--quick takes no value, 'yes' does not belong");
	refuse(ARGV("--name="), "--name '': is empty");
	assert_null(values.name);
}

static void test_environment(void **state)
{
	(void)state;
	assert_int_equal(unsetenv("TEST_CLI_NAME"), 0);
	assert_int_equal(options_read_environment(sets, reason), 0);
	assert_null(values.name);
	assert_int_equal(setenv("TEST_CLI_NAME", "", 1), 0);
	assert_int_equal(options_read_environment(sets, reason), 0);
	assert_null(values.name);
	assert_int_equal(setenv("TEST_CLI_NAME", "given", 1), 0);
	assert_int_equal(options_read_environment(sets, reason), 0);
	assert_string_equal(values.name, "given");
}

static void test_help(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	options_help(options, out);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text, "  -n, --name TEXT             a name [TEST_CLI_NAME]\n"
				  "  --port N                    a port\n"
				  "  -q, --quick                 a flag\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_spellings, setup),
		cmocka_unit_test_setup(test_end_of_options, setup),
		cmocka_unit_test_setup(test_leading, setup),
		cmocka_unit_test_setup(test_refusals, setup),
		cmocka_unit_test_setup(test_environment, setup),
		cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
