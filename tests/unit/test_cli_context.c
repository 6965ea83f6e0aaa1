/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts: the commands, the file, and which of option, environment and context holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clients/cli/cli.h"
#include "cli_harness.h"

static char target[128]; /* of the agent */

/* The file of contexts is the one that write_file() makes; the environment has no target. */
static int setup(void **state)
{
	int r = cli_setup(state);

	(void)snprintf(target, sizeof(target), "%s", getenv("WAYMARK_TARGET"));
	return r ?: unsetenv("WAYMARK_TARGET") ?: setenv("WAYMARK_CONFIG", write_file(""), 1);
}

static int teardown(void **state)
{
	(void)unsetenv("WAYMARK_CONTEXT");
	(void)unsetenv("WAYMARK_TARGET");
	return cli_teardown(state);
}

static const char *config_path(void)
{
	const char *path = getenv("WAYMARK_CONFIG");

	assert_non_null(path);
	return path ? path : "";
}

static void assert_file(const char *expected)
{
	FILE *file = fopen(config_path(), "re");
	char text[1024];
	size_t n;

	assert_non_null(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	(void)fclose(file);
	text[n] = '\0';
	assert_string_equal(text, expected);
}

static void test_commands(void **state)
{
	struct stat status;

	(void)state;
	assert_int_equal(unlink(config_path()), 0);
	assert_int_equal(run(ARGV("context", "set", "one", "--target", "h:1", "--tls-key=/k",
				  "--owner", "rucio", "--timeout", "2.5")),
			 0);
	assert_int_equal(stat(config_path(), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(run(ARGV("context", "set", "two", "--target=h:2", "--insecure")), 0);
	assert_int_equal(run(ARGV("context", "set", "one", "--tls-cert=/c")), 0);
	assert_file("current: one\n"
		    "contexts:\n"
		    "  one:\n"
		    "    target: h:1\n"
		    "    tls-cert: /c\n"
		    "    tls-key: /k\n"
		    "    timeout: 2.500\n"
		    "    owner: rucio\n"
		    "  two:\n"
		    "    target: h:2\n"
		    "    insecure: true\n");
	assert_int_equal(run(ARGV("context", "use", "two")), 0);
	assert_int_equal(run(ARGV("context", "list")), 0);
	assert_string_equal(result.out, "CURRENT  NAME  TARGET  OWNER\n"
					"-        one   h:1     rucio\n"
					"*        two   h:2     -\n");
	assert_int_equal(run(ARGV("context", "show", "one")), 0);
	assert_string_equal(result.out, "name      one\n"
					"target    h:1\n"
					"tls-cert  /c\n"
					"tls-key   /k\n"
					"timeout   2.500\n"
					"owner     rucio\n");
	assert_int_equal(run(ARGV("context", "delete", "two")), 0);
	assert_int_equal(run(ARGV("context", "show")), 2);
	assert_string_equal(result.err, "waymark: context show: there is no current context\n");
}

static void test_relative_paths(void **state)
{
	cleanup(free_bytes) char *directory = getcwd(NULL, 0);
	char expected[512];

	(void)state;
	/* In the file they belong to its directory, on the command line to ours. */
	(void)write_file("contexts: {a: {target: 'h:1', tls-ca: ca.pem}}");
	(void)snprintf(expected, sizeof(expected), "tls-ca  %.*s/ca.pem\n",
		       (int)(strrchr(config_path(), '/') - config_path()), config_path());
	assert_int_equal(run(ARGV("context", "show", "a")), 0);
	assert_non_null(strstr(result.out, expected));
	assert_int_equal(run(ARGV("context", "set", "a", "--tls-ca", "b.pem")), 0);
	assert_int_equal(run(ARGV("context", "show", "a")), 0);
	(void)snprintf(expected, sizeof(expected), "tls-ca  %s/b.pem\n", directory);
	assert_non_null(strstr(result.out, expected));
}

static void test_precedence(void **state)
{
	char text[512];

	(void)state;
	(void)snprintf(text, sizeof(text),
		       "current: good\ncontexts:\n"
		       "  good: {target: '%s', owner: rucio}\n"
		       "  bad: {target: 'unix:/nonexistent', timeout: 0.2}\n",
		       target);
	(void)write_file(text);
	assert_int_equal(run(ARGV("stats")), 0);
	assert_int_equal(run(ARGV("stats", "--context", "bad")), 7);
	assert_int_equal(run(ARGV("stats", "--context", "bad", "--target", target)), 0);
	(void)setenv("WAYMARK_CONTEXT", "bad", 1);
	assert_int_equal(run(ARGV("stats")), 7);
	assert_int_equal(run(ARGV("stats", "--context", "good")), 0);
	assert_int_equal(run(ARGV("stats", "--target", target)), 0);
	/* The environment's target beats its context, and what a context says with it. */
	(void)setenv("WAYMARK_TARGET", target, 1);
	assert_int_equal(run(ARGV("apply", write_file(""))), 0);
	assert_string_equal(script.log, "apply 0;");
	(void)write_file(text);
	assert_int_equal(run(ARGV("lease", "grant", "1s", "--context", "good")), 0);
	assert_string_equal(script.log, "apply 0;grant 1 for rucio id 0");
	assert_int_equal(run(ARGV("lease", "grant", "1s", "--context", "good", "--owner=me")),
			 0);
	assert_non_null(strstr(script.log, "for me id 0"));
}

static const struct {
	const char *text;
	const char *error; /* behind the path */
} wrong[] = {
	{"contexts:\n  a:\n    target: h:1\n    timeout: x\n",
	 ":4: timeout 'x': not seconds in 0.001..86400\n"},
	{"contexts:\n  a:\n    targets: h\n", ":3: context 'a': there is no key 'targets'\n"},
	{"contexts:\n  a:\n    owner: o\n", ":2: context 'a': target is missing\n"},
	{"contexts:\n  a b: {}\n", ":2: context 'a b': a name has letters, digits, '.', '_' "
				   "and '-', and begins with no '-'\n"},
	{"contexts: {a: {target: h, insecure: yes}}",
	 ":1: insecure 'yes': not true or false\n"},
	{"current: b\ncontexts: {}\n", ":1: current 'b': there is no such context\n"},
	{"other: 1\n", ":1: there is no key 'other', but current and contexts\n"},
};

static void test_wrong_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char expected[512];

		(void)snprintf(expected, sizeof(expected), "waymark: %s%s",
			       write_file(wrong[i].text), wrong[i].error);
		assert_int_equal(run(ARGV("stats")), 2);
		assert_string_equal(result.err, expected);
		/* What cannot be read is not overwritten. */
		assert_int_equal(run(ARGV("context", "set", "n", "--target=h:1")), 2);
		assert_file(wrong[i].text);
	}
}

static void test_usage(void **state)
{
	(void)state;
	assert_int_equal(run(ARGV("context", "use", "none")), 2);
	assert_non_null(strstr(result.err, "context use: 'none': there is no such context"));
	assert_int_equal(run(ARGV("stats", "--context", "none")), 2);
	assert_non_null(strstr(result.err, "--context 'none': there is no such context"));
	assert_int_equal(run(ARGV("context", "set", "a")), 2);
	assert_string_equal(result.err, "waymark: context set: --target is missing\n");
	assert_int_equal(
		run(ARGV("context", "set", "a", "--target=h:1", "--insecure", "--tls-ca=x")),
		2);
	assert_string_equal(result.err, "waymark: context set: --insecure and TLS options "
					"exclude each other\n");
	assert_int_equal(run(ARGV("context", "set", "-", "--target=h:1")), 2);
	assert_file("");
	(void)setenv("WAYMARK_CONFIG", "/proc/nowhere/config.yaml", 1);
	assert_int_equal(run(ARGV("context", "set", "a", "--target=h:1")), 1);
	assert_string_equal(result.err, "waymark: /proc/nowhere/config.yaml cannot be written: "
					"No such file or directory\n");
}

int main(void)
{
#define WITH_AGENT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH_AGENT(test_commands),   WITH_AGENT(test_relative_paths),
		WITH_AGENT(test_precedence), WITH_AGENT(test_wrong_files),
		WITH_AGENT(test_usage),
	};

	waymark_quiet();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
