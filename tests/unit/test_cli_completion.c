/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "clients/cli/cli.h"
#include "cli_harness.h"

/* Is a word among the answers, at the start of a line? */
static bool offered(const char *word)
{
	size_t length = strlen(word);

	for (const char *line = result.out; *line; line = strchr(line, '\n') + 1) {
		if (strncmp(line, word, length) == 0 && strchr("\t\n", line[length]))
			return true;
	}
	return false;
}

#define WORDS(...) run(ARGV("completion", "words", "--", __VA_ARGS__))

/* Whatever the tables have is offered; nothing has to be kept up here. */
static void test_tables(void **state)
{
	(void)state;
	assert_int_equal(WORDS(""), 0);
	for (const struct command *const *command = commands; *command; command++)
		assert_true(offered((*command)->name));
	for (const struct command *const *command = commands; *command; command++) {
		assert_int_equal(WORDS((*command)->name, "-"), 0);
		for (const struct option *row = (*command)->options; row && row->name; row++)
			assert_true(offered(row->name));
		for (const struct option *row = global_options; row->name; row++)
			assert_true(offered(row->name));
		assert_int_equal(WORDS((*command)->name, ""), 0);
		for (const struct command *const *member = (*command)->members;
		     member && *member; member++)
			assert_true(offered(command_word(*member)));
	}
}

/* Each word that is offered for a value is one that its option takes. */
static void test_values(void **state)
{
	size_t count = 0;

	(void)state;
	for (const struct command *const *command = commands; *command; command++) {
		for (const struct option *row = (*command)->options; row && row->name; row++) {
			assert_int_equal(WORDS((*command)->name, row->name, ""), 0);
			if (result.out[0] == ':')
				continue;
			for (char *word = strtok(result.out, "\n"); word;
			     word = strtok(NULL, "\n")) {
				struct value_kinds value = {0};
				char reason[REASON_MAX];

				assert_true(row->read(word, &value, reason));
				count++;
			}
		}
	}
	/* Protocols of set, clear and get, kinds of list and watch. */
	assert_int_equal(count, 3 * 5 + 2 * 4);
}

static void test_words(void **state)
{
	(void)state;
	assert_int_equal(WORDS("le"), 0);
	assert_string_equal(
		result.out,
		"lease\tGrant, renew, revoke and show leases: one end for many marks\n");
	assert_int_equal(WORDS("-o", "js"), 0);
	assert_string_equal(result.out, "json\njsonl\n");
	assert_int_equal(WORDS("list", "--output=ta"), 0);
	assert_string_equal(result.out, "--output=table\n");
	/* As bash splits it. */
	assert_int_equal(WORDS("--output", "=", "ta"), 0);
	assert_string_equal(result.out, "table\n");
	assert_int_equal(WORDS("--output", "="), 0);
	assert_string_equal(result.out, "table\njson\njsonl\n");
	assert_int_equal(WORDS("--target", "list", "cl"), 0);
	assert_true(offered("clear"));
	assert_int_equal(WORDS("apply", ""), 0);
	assert_string_equal(result.out, ":files\n");
	assert_int_equal(WORDS("set", "::1", "--tls-key", ""), 0);
	assert_string_equal(result.out, ":files\n");
	assert_int_equal(WORDS("frob", ""), 0);
	assert_string_equal(result.out, "");
	assert_int_equal(run(ARGV("completion", "words")), 0);
	assert_true(offered("set"));
}

static void test_contexts(void **state)
{
	(void)state;
	(void)setenv(
		"WAYMARK_CONFIG",
		write_file("contexts: {abc: {target: h}, abd: {target: i}, x: {target: j}}"),
		1);
	assert_int_equal(WORDS("--context", "ab"), 0);
	assert_string_equal(result.out, "abc\th\nabd\ti\n");
	assert_int_equal(WORDS("context", "use", "x"), 0);
	assert_string_equal(result.out, "x\tj\n");
	/* A file that is wrong is no answer, and no noise. */
	(void)write_file("{");
	assert_int_equal(WORDS("--context", ""), 0);
	assert_string_equal(result.out, "");
	assert_string_equal(result.err, "");
}

int main(void)
{
#define WITH_AGENT(test) cmocka_unit_test_setup_teardown(test, cli_setup, cli_teardown)
	const struct CMUnitTest tests[] = {
		WITH_AGENT(test_tables),
		WITH_AGENT(test_values),
		WITH_AGENT(test_words),
		WITH_AGENT(test_contexts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
