/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "ops/read_file.h"
#include "ops/registry_file.h"

static char path[] = "/tmp/test_read_file.XXXXXX";

/* Makes the file hold so many octets, all 'x'. */
static void write_octets(size_t size)
{
	cleanup(close_file) FILE *file = fopen(path, "we");

	assert_non_null(file);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(fputc('x', file), 'x');
}

static void test_sizes(void **state)
{
	static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 200000};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		cleanup(free_bytes) char *text = NULL;
		size_t length;

		write_octets(sizes[i]);
		assert_int_equal(read_file(path, &text, &length), 0);
		assert_int_equal(length, sizes[i]);
		assert_int_equal(strlen(text), sizes[i]);
	}
}

static void test_too_large(void **state)
{
	char *text = NULL;
	size_t length;

	(void)state;
	write_octets(READ_FILE_MAX + 1);
	assert_int_equal(read_file(path, &text, &length), -EFBIG);
	assert_null(text);
}

static void test_unreadable(void **state)
{
	char *text = NULL;
	size_t length;

	(void)state;
	assert_int_equal(read_file("/nonexistent", &text, &length), -ENOENT);
	assert_int_equal(read_file("/tmp", &text, &length), -EISDIR);
	assert_null(text);
}

static void test_registry(void **state)
{
	struct registry *registry = NULL;
	struct fault fault = {.message = ""};

	(void)state;
	write_octets(5);
	assert_int_equal(registry_load(path, &registry, &fault), -EINVAL);
	assert_non_null(strstr(fault.message, path));
	assert_int_equal(registry_load("/nonexistent", &registry, &fault), -ENOENT);
	assert_string_equal(fault.message, "registry /nonexistent: No such file or directory");
	assert_null(registry);
	assert_int_equal(registry_load(NULL, &registry, &fault), 0);
	assert_string_equal(registry_experiment_name(registry, 3), "cms");
	registry_free(registry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_registry),
	};
	int fd = mkstemp(path), failed;

	if (fd < 0)
		return 1;
	close(fd);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
