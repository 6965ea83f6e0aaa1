/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy is read again when its file or the registry is another one, and only then.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/registry.h"
#include "policies.h"
#include "service/policy.h"

struct fixture {
	struct policies policies;
	struct registry *registry;
	char file[32];
	char error[POLICY_ERROR_MAX];
};

static void write_policy(const struct fixture *fixture, const char *role)
{
	FILE *file = fopen(fixture->file, "w");

	assert_non_null(file);
	fprintf(file, "rules: [{identity: \"unix:uid=0\", role: %s}]\n", role);
	assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	int fd;

	assert_non_null(fixture);
	strncpy(fixture->file, "/tmp/waymark-policy-XXXXXX", sizeof(fixture->file) - 1);
	fd = mkstemp(fixture->file);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(registry_builtin(&fixture->registry), 0);
	write_policy(fixture, "viewer");
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	policies_done(&fixture->policies);
	registry_free(fixture->registry);
	unlink(fixture->file);
	free(fixture);
	return 0;
}

static int load(struct fixture *fixture, const char *file)
{
	return policies_load(&fixture->policies, file, fixture->registry, fixture->error);
}

static void test_an_untouched_file_is_not_read_again(void **state)
{
	struct fixture *fixture = *state;
	const struct policy *policy;

	assert_int_equal(load(fixture, fixture->file), 0);
	policy = policies_newest(&fixture->policies);
	for (int i = 0; i < 100; i++)
		assert_int_equal(load(fixture, fixture->file), 0);
	assert_ptr_equal(policies_newest(&fixture->policies), policy);
	assert_int_equal(fixture->policies.n, 1);
}

static void test_another_content_is_read(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(load(fixture, fixture->file), 0);
	write_policy(fixture, "admin");
	assert_int_equal(load(fixture, fixture->file), 0);
	assert_int_equal(fixture->policies.n, 2);
}

static void test_another_registry_counts(void **state)
{
	struct fixture *fixture = *state;
	struct registry *first = fixture->registry;

	assert_int_equal(load(fixture, fixture->file), 0);
	assert_int_equal(registry_builtin(&fixture->registry), 0);
	assert_int_equal(load(fixture, fixture->file), 0);
	assert_int_equal(fixture->policies.n, 2);
	registry_free(first);
}

static void test_a_missing_file_is_told_each_time(void **state)
{
	struct fixture *fixture = *state;
	const struct policy *policy;

	assert_int_equal(load(fixture, fixture->file), 0);
	policy = policies_newest(&fixture->policies);
	unlink(fixture->file);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(load(fixture, fixture->file), -ENOENT);
		assert_non_null(strstr(fixture->error, fixture->file));
		assert_ptr_equal(policies_newest(&fixture->policies), policy);
	}
}

static void test_without_a_file(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(load(fixture, NULL), 0);
	assert_int_equal(load(fixture, NULL), 0);
	assert_int_equal(fixture->policies.n, 1);
	assert_int_equal(load(fixture, fixture->file), 0);
	assert_int_equal(load(fixture, NULL), 0);
	assert_int_equal(fixture->policies.n, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_an_untouched_file_is_not_read_again),
		TEST(test_another_content_is_read),
		TEST(test_another_registry_counts),
		TEST(test_a_missing_file_is_told_each_time),
		TEST(test_without_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
