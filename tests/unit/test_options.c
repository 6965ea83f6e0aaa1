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
#include <unistd.h>

#include "cleanup.h"
#include "ops/options.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define WORDS_MAX 32

/* The words behind "waymarkd", split at spaces. */
static int read_words(const char *words, struct config *config, enum options_action *action,
		      char error[CONFIG_ERROR_MAX])
{
	cleanup(free_bytes) char *copy = strdup(words);
	char program[] = "waymarkd", *argv[WORDS_MAX] = {program};
	const char *file;
	int argc = 1;

	for (char *rest = copy, *word; (word = strsep(&rest, " "));)
		if (*word)
			argv[argc++] = word;
	return options_read(argc, argv, config, action, &file, error);
}

static void read_good(const char *words, struct config *config, enum options_action *action)
{
	char error[CONFIG_ERROR_MAX];

	if (read_words(words, config, action, error) < 0)
		fail_msg("%s: %s", words, error);
}

static void test_none(void **state)
{
	enum options_action action;
	struct config config;

	(void)state;
	read_good("", &config, &action);
	assert_int_equal(action, OPTIONS_RUN);
	assert_int_equal(config.interfaces.n, 0);
	assert_int_equal(config.listen.n, 1);
	assert_string_equal(config.listen.items[0], CONFIG_LISTEN_DEFAULT);
	config_done(&config);
}

static void test_every_option(void **state)
{
	enum options_action action;
	struct config config;

	(void)state;
	read_good("--interface eth0 --interface=eth1 --listen [::]:1 --tls-certificate a.pem "
		  "--tls-key b.pem --tls-client-ca c.pem --insecure-loopback --attach tcx "
		  "--observe-ingress --pin-dir /p --detach --state-dir /s --audit-interval 2h "
		  "--registry r.json --log-level debug --log-format json --check",
		  &config, &action);
	assert_int_equal(action, OPTIONS_CHECK);
	assert_int_equal(config.interfaces.n, 2);
	assert_string_equal(config.interfaces.items[0], "eth0");
	assert_string_equal(config.interfaces.items[1], "eth1");
	assert_int_equal(config.listen.n, 1);
	assert_string_equal(config.listen.items[0], "[::]:1");
	assert_string_equal(config.tls.certificate, "a.pem");
	assert_string_equal(config.tls.key, "b.pem");
	assert_string_equal(config.tls.client_ca, "c.pem");
	assert_true(config.insecure_loopback);
	assert_int_equal(config.attach, CONFIG_ATTACH_TCX);
	assert_true(config.observe_ingress);
	assert_string_equal(config.pin_dir, "/p");
	assert_true(config.detach);
	assert_string_equal(config.state_dir, "/s");
	assert_int_equal(config.audit_interval, 7200);
	assert_string_equal(config.registry, "r.json");
	assert_int_equal(config.log.level, LOG_LEVEL_DEBUG);
	assert_int_equal(config.log.format, LOG_FORMAT_JSON);
	config_done(&config);
}

/* ---- with a file ---- */

static char file_path[] = "/tmp/test_options.XXXXXX";

static int make_file(void **state)
{
	static const char text[] = "interfaces: [eth0]\n"
				   "attach: tcx\n"
				   "listen: ['unix:/a']\n"
				   "registry: /file.json\n"
				   "log: {level: error, format: json}\n";
	cleanup(close_fd) int fd = mkstemp(file_path);

	(void)state;
	return write(fd, text, sizeof(text) - 1) == sizeof(text) - 1 ? 0 : -1;
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(file_path);
}

/* Wherever --config stands, options come on top: single values replace, lists grow. */
static void test_options_over_file(void **state)
{
	static const char *const formats[] = {
		"--config %s --attach clsact --interface eth1 --interface eth0 --listen "
		"unix:/b "
		"--log-level debug --registry mine.json",
		"--attach clsact --interface eth1 --interface eth0 --listen unix:/b "
		"--log-level debug --registry mine.json --config=%s",
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(formats); i++) {
		enum options_action action;
		struct config config;
		char words[256];

		snprintf(words, sizeof(words), "%s", formats[i]);
		*strstr(words, "%s") = '\0';
		snprintf(words + strlen(words), sizeof(words) - strlen(words), "%s%s",
			 file_path, strstr(formats[i], "%s") + 2);
		read_good(words, &config, &action);
		assert_int_equal(action, OPTIONS_RUN);
		assert_int_equal(config.attach, CONFIG_ATTACH_CLSACT);
		assert_int_equal(config.interfaces.n, 2);
		assert_string_equal(config.interfaces.items[0], "eth0");
		assert_string_equal(config.interfaces.items[1], "eth1");
		assert_int_equal(config.listen.n, 2);
		assert_string_equal(config.listen.items[0], "unix:/a");
		assert_string_equal(config.listen.items[1], "unix:/b");
		assert_string_equal(config.registry, "mine.json");
		assert_int_equal(config.log.level, LOG_LEVEL_DEBUG);
		assert_int_equal(config.log.format, LOG_FORMAT_JSON);
		config_done(&config);
	}
}

/* ---- wrong ones ---- */

static const struct {
	const char *words, *message;
} bad[] = {
	{"--colour red", "option --colour: unknown"},
	{"--in eth0", "option --in: unknown, ambiguous"},
	{"-x", "option -x: there is none"},
	{"-xy", "option -x: there is none"},
	{"eth0", "\"eth0\": waymarkd takes options only"},
	{"--check eth0", "\"eth0\": waymarkd takes options only"},
	{"--interface", "option --interface: a value is missing"},
	{"--check --listen", "option --listen: a value is missing"},
	{"--check=yes", "option --check=yes: unknown, ambiguous or with a value too much"},
	{"--interface we.ird@#x:1",
	 "option --interface \"we.ird@#x:1\": must be an interface's name or a pattern: names "
	 "have no ':'"},
	{"--interface eth/*", "option --interface \"eth/*\": must be an interface's name"},
	{"--listen nonsense", "option --listen \"nonsense\": must be unix:/path"},
	{"--log-level loud", "option --log-level \"loud\": must be one of error, warning"},
	{"--log-format xml", "option --log-format \"xml\": must be one of text, json"},
	{"--attach xdp", "option --attach \"xdp\": must be one of auto, tcx, clsact"},
	{"--registry=", "option --registry \"\": must be a path"},
	{"--listen [::]:1", "listen \"[::]:1\": TCP needs"},
	{"--tls-key a", "tls.key is given, but"},
	{"--config /nonexistent", "/nonexistent: No such file or directory"},
	{"--config /a --config /b", "option --config \"/b\": given twice"},
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		char error[CONFIG_ERROR_MAX];
		enum options_action action;
		struct config config;

		if (read_words(bad[i].words, &config, &action, error) != -EINVAL)
			fail_msg("%s was accepted", bad[i].words);
		if (strncmp(error, bad[i].message, strlen(bad[i].message)) != 0)
			fail_msg("%s: %s", bad[i].words, error);
		config_done(&config);
	}
}

/* ---- help ---- */

static void test_help_and_version_come_first(void **state)
{
	static const struct {
		const char *words;
		enum options_action action;
	} cases[] = {
		{"--clean", OPTIONS_CLEAN},
		{"--clean --pin-dir=", OPTIONS_CLEAN},
		{"--help", OPTIONS_HELP},
		{"--version", OPTIONS_VERSION},
		{"--config /nonexistent --help", OPTIONS_HELP},
		{"--attach xdp --version --check", OPTIONS_VERSION},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		enum options_action action;
		struct config config;

		read_good(cases[i].words, &config, &action);
		assert_int_equal(action, cases[i].action);
		config_done(&config);
	}
}

static void test_help_shows_every_option(void **state)
{
	static const char *const options[] = {"--config FILE",
					      "--interface NAME",
					      "--attach HOW",
					      "--observe-ingress",
					      "--pin-dir DIR",
					      "--detach",
					      "--state-dir DIR",
					      "--audit-interval TIME",
					      "--clean",
					      "--listen ADDRESS",
					      "--tls-certificate FILE",
					      "--tls-key FILE",
					      "--tls-client-ca FILE",
					      "--insecure-loopback",
					      "--registry FILE",
					      "--log-level LEVEL",
					      "--log-format FORMAT",
					      "--check",
					      "--version",
					      "--help"};
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);

	(void)state;
	options_print_help(file);
	fclose(file);
	for (size_t i = 0; i < LENGTH(options); i++)
		if (!strstr(text, options[i]))
			fail_msg("%s is not shown", options[i]);
	for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
		assert_true(strlen(line) <= 80);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_every_option),
		cmocka_unit_test(test_options_over_file),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_help_and_version_come_first),
		cmocka_unit_test(test_help_shows_every_option),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
