/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ops/log.h"

/* ---- what went to stderr ---- */

struct capture {
	int saved;
	char text[8 * PIPE_BUF];
};

static void capture_begin(struct capture *capture)
{
	int fd = memfd_create("stderr", MFD_CLOEXEC);

	assert_true(fd >= 0);
	fflush(stderr);
	capture->saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	close(fd);
}

static void capture_end(struct capture *capture)
{
	ssize_t length = pread(STDERR_FILENO, capture->text, sizeof(capture->text) - 1, 0);

	assert_int_equal(dup2(capture->saved, STDERR_FILENO), STDERR_FILENO);
	close(capture->saved);
	assert_true(length >= 0);
	capture->text[length] = '\0';
}

/* "2025-01-31T12:34:56.789Z " is 25 characters; what follows it. */
static const char *behind_time(const char *line)
{
	static const char shape[] = "0000-00-00T00:00:00.000Z";

	for (size_t i = 0; i < sizeof(shape) - 1; i++)
		if (shape[i] == '0')
			assert_in_range(line[i], '0', '9');
		else
			assert_int_equal(line[i], shape[i]);
	return line + sizeof(shape) - 1;
}

/* ---- one line ---- */

static const struct {
	const char *name, *message;
	struct log_pair pair;
	const char *text, *json; /* behind the time */
} lines[] = {
	{"message alone",
	 "ready",
	 {NULL, NULL},
	 " info: ready\n",
	 "\"level\":\"info\",\"message\":\"ready\"}\n"},
	{"pair",
	 "attached",
	 {"interface", "eth0"},
	 " info: attached interface=eth0\n",
	 "\"level\":\"info\",\"message\":\"attached\",\"interface\":\"eth0\"}\n"},
	{"value with a space",
	 "set",
	 {"name", "Analysis Input"},
	 " info: set name=\"Analysis Input\"\n",
	 "\"level\":\"info\",\"message\":\"set\",\"name\":\"Analysis Input\"}\n"},
	{"empty value",
	 "set",
	 {"name", ""},
	 " info: set name=\"\"\n",
	 "\"level\":\"info\",\"message\":\"set\",\"name\":\"\"}\n"},
	{"no value",
	 "set",
	 {"name", NULL},
	 " info: set\n",
	 "\"level\":\"info\",\"message\":\"set\"}\n"},
	{"quotes and backslashes",
	 "a \"b\" \\",
	 {"v", "\"\\"},
	 " info: a \"b\" \\ v=\"\\\"\\\\\"\n",
	 "\"level\":\"info\",\"message\":\"a \\\"b\\\" \\\\\",\"v\":\"\\\"\\\\\"}\n"},
	{"a forged line",
	 "a\nb\r",
	 {"v", "c\n{}"},
	 " info: a\\nb\\u000d v=c\\n{}\n",
	 "\"level\":\"info\",\"message\":\"a\\nb\\u000d\",\"v\":\"c\\n{}\"}\n"},
	{"terminal control",
	 "\x1b[2J\x7f\xC2\x9B",
	 {NULL, NULL},
	 " info: \\u001b[2J\\u007f\\u009b\n",
	 "\"level\":\"info\",\"message\":\"\\u001b[2J\\u007f\\u009b\"}\n"},
	{"UTF-8",
	 "\xC3\xBC \xE2\x82\xAC \xF0\x9F\x98\x80",
	 {NULL, NULL},
	 " info: \xC3\xBC \xE2\x82\xAC \xF0\x9F\x98\x80\n",
	 "\"level\":\"info\",\"message\":\"\xC3\xBC \xE2\x82\xAC \xF0\x9F\x98\x80\"}\n"},
	{"no UTF-8: stray, overlong, surrogate, cut",
	 "\xFF \x80 \xC0\xAF \xED\xA0\x80 \xE2\x82",
	 {NULL, NULL},
	 " info: \\ufffd \\ufffd \\ufffd\\ufffd \\ufffd\\ufffd\\ufffd \\ufffd\\ufffd\n",
	 "\"level\":\"info\",\"message\":\"\\ufffd \\ufffd \\ufffd\\ufffd "
	 "\\ufffd\\ufffd\\ufffd \\ufffd\\ufffd\"}\n"},
};

static void write_line(size_t i, enum log_format format, struct capture *capture)
{
	const struct log_pair pairs[] = {lines[i].pair, {NULL, NULL}};

	log_set(LOG_LEVEL_INFO, format);
	capture_begin(capture);
	log_write(LOG_LEVEL_INFO, pairs, "%s", lines[i].message);
	capture_end(capture);
}

static void test_text(void **state)
{
	struct capture capture;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		write_line(i, LOG_FORMAT_TEXT, &capture);
		if (strcmp(behind_time(capture.text), lines[i].text) != 0)
			fail_msg("%s: %s", lines[i].name, capture.text);
	}
}

static void test_json(void **state)
{
	static const char begin[] = "{\"time\":\"";
	struct capture capture;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		json_t *json;

		write_line(i, LOG_FORMAT_JSON, &capture);
		assert_memory_equal(capture.text, begin, sizeof(begin) - 1);
		if (strcmp(behind_time(capture.text + sizeof(begin) - 1) + 2, lines[i].json) !=
		    0)
			fail_msg("%s: %s", lines[i].name, capture.text);
		json = json_loads(capture.text, 0, NULL);
		assert_non_null(json);
		json_decref(json);
	}
}

/* Whatever of a long event fits is there, and the line is still whole. */
static void test_too_long(void **state)
{
	static char value[2 * PIPE_BUF];

	(void)state;
	for (size_t length = PIPE_BUF - 100; length < PIPE_BUF + 100; length++) {
		const struct log_pair pairs[] = {{"v", value}, {"w", "x"}, {NULL, NULL}};
		struct capture capture;
		json_t *json;

		for (size_t i = 0; i < length; i += 2)
			memcpy(value + i, "\xC3\xBC", 3);
		log_set(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
		capture_begin(&capture);
		log_write(LOG_LEVEL_INFO, pairs, "m");
		capture_end(&capture);
		assert_true(strlen(capture.text) <= PIPE_BUF);
		assert_ptr_equal(strchr(capture.text, '\n'),
				 capture.text + strlen(capture.text) - 1);
		json = json_loads(capture.text, JSON_REJECT_DUPLICATES, NULL);
		if (!json)
			fail_msg("length %zu: %s", length, capture.text);
		if (strcmp(json_string_value(json_object_get(json, "v")), value) != 0)
			assert_non_null(strstr(capture.text, "...\"}\n"));
		json_decref(json);
	}
}

static void test_too_long_message(void **state)
{
	static char message[2 * PIPE_BUF];
	struct capture capture;

	(void)state;
	memset(message, 'a', sizeof(message) - 1);
	log_set(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	capture_begin(&capture);
	log_write(LOG_LEVEL_INFO, LOG_PAIRS({"key", "value"}), "%s", message);
	capture_end(&capture);
	assert_in_range(strlen(capture.text), PIPE_BUF - 8, PIPE_BUF);
	assert_string_equal(capture.text + strlen(capture.text) - 5, "a...\n");
}

static void test_levels(void **state)
{
	struct capture capture;
	const char *line;

	(void)state;
	log_set(LOG_LEVEL_WARNING, LOG_FORMAT_TEXT);
	assert_true(log_enabled(LOG_LEVEL_ERROR));
	assert_true(log_enabled(LOG_LEVEL_WARNING));
	assert_false(log_enabled(LOG_LEVEL_INFO));
	assert_false(log_enabled(LOG_LEVEL_DEBUG));
	errno = ENOTUNIQ;
	capture_begin(&capture);
	log_error("one %d", 1);
	log_warning("two");
	log_info("three");
	log_debug("four");
	capture_end(&capture);
	line = behind_time(capture.text);
	assert_memory_equal(line, " error: one 1\n", 14);
	line = behind_time(line + 14);
	assert_string_equal(line, " warning: two\n");
	assert_int_equal(errno, ENOTUNIQ);
}

/* ---- many threads ---- */

#define THREADS 4
#define LINES_EACH 500

static void *write_many(void *argument)
{
	char value[301];

	memset(value, *(const char *)argument, 300);
	value[300] = '\0';
	for (int i = 0; i < LINES_EACH; i++)
		log_write(LOG_LEVEL_INFO, LOG_PAIRS({"v", value}), "m");
	return NULL;
}

/* Through a pipe, the sharpest case: each line arrives in one piece. */
struct arrivals {
	int fd;
	unsigned int whole;
};

static void *read_many(void *argument)
{
	struct arrivals *arrivals = argument;
	FILE *file = fdopen(arrivals->fd, "r");
	static char line[PIPE_BUF + 1];

	while (fgets(line, sizeof(line), file)) {
		const char *value = strstr(line, " v=");

		if (value && strlen(value + 3) == 301 &&
		    strspn(value + 3, (char[]){value[3], '\0'}) == 300)
			arrivals->whole++;
	}
	fclose(file);
	return NULL;
}

static void test_threads_do_not_mix(void **state)
{
	pthread_t writers[THREADS], reader;
	char letters[] = "abcd";
	int fds[2], saved;
	struct arrivals arrivals = {.whole = 0};

	(void)state;
	log_set(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	arrivals.fd = fds[0];
	pthread_create(&reader, NULL, read_many, &arrivals);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&writers[i], NULL, write_many, &letters[i]);
	for (int i = 0; i < THREADS; i++)
		pthread_join(writers[i], NULL);
	dup2(saved, STDERR_FILENO);
	close(saved);
	pthread_join(reader, NULL);
	assert_int_equal(arrivals.whole, THREADS * LINES_EACH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),	 cmocka_unit_test(test_json),
		cmocka_unit_test(test_too_long), cmocka_unit_test(test_too_long_message),
		cmocka_unit_test(test_levels),	 cmocka_unit_test(test_threads_do_not_mix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
