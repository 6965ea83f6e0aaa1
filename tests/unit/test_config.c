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
#include "ops/config.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* ---- a file in a directory of its own ---- */

static char directory[] = "/tmp/test_config.XXXXXX";
static char path[sizeof(directory) + sizeof("/w.yaml")];

static int make_directory(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/w.yaml", directory);
	return 0;
}

static int remove_directory(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(directory);
}

static void write_file(const char *text, size_t length)
{
	cleanup(close_file) FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, length, file), length);
}

static int load(struct config *config, const char *text, char error[CONFIG_ERROR_MAX])
{
	write_file(text, strlen(text));
	config_init(config);
	return config_load(config, path, error);
}

static void load_good(struct config *config, const char *text)
{
	char error[CONFIG_ERROR_MAX];

	if (load(config, text, error) < 0)
		fail_msg("%s", error);
}

/* ---- good files ---- */

static void check_defaults(const struct config *config)
{
	assert_int_equal(config->interfaces.n, 0);
	assert_int_equal(config->attach, CONFIG_ATTACH_AUTO);
	assert_false(config->observe_ingress);
	assert_string_equal(config->pin_dir, "/sys/fs/bpf/waymark");
	assert_false(config->detach);
	assert_string_equal(config->state_dir, "/var/lib/waymark");
	assert_int_equal(config->history, 1000000);
	assert_int_equal(config->audit_interval, 60);
	assert_int_equal(config->listen.n, 1);
	assert_string_equal(config->listen.items[0], "unix:/run/waymark/waymark.sock");
	assert_false(config->insecure_loopback);
	assert_null(config->tls.certificate);
	assert_null(config->tls.key);
	assert_null(config->tls.client_ca);
	assert_null(config->registry);
	assert_int_equal(config->capacity.marks, 262144);
	assert_int_equal(config->capacity.networks, 16384);
	assert_int_equal(config->log.level, LOG_LEVEL_INFO);
	assert_int_equal(config->log.format, LOG_FORMAT_TEXT);
}

static void test_defaults(void **state)
{
	static const char *const texts[] = {"", "# nothing\n", "{}\n", "--- {}\n...\n"};
	char error[CONFIG_ERROR_MAX];
	struct config config;

	(void)state;
	for (size_t i = 0; i < LENGTH(texts); i++) {
		load_good(&config, texts[i]);
		assert_int_equal(config_complete(&config, error), 0);
		check_defaults(&config);
		config_done(&config);
	}
}

static void test_every_key(void **state)
{
	static const char text[] = "interfaces: [eth0, \"ens1f0.100\", eth0, \"ens*[0-9]\"]\n"
				   "attach: clsact\n"
				   "observe_ingress: true\n"
				   "pin_dir: /sys/fs/bpf/other\n"
				   "detach: true\n"
				   "state_dir: state\n"
				   "history: 5000\n"
				   "audit_interval: 5m\n"
				   "listen:\n"
				   "  - unix:/tmp/w.sock\n"
				   "  - \"[::]:50551\"\n"
				   "  - node1.example.org:50551\n"
				   "insecure_loopback: true\n"
				   "tls: {certificate: agent.pem, key: /etc/agent.key,\n"
				   "      client_ca: ../ca.pem}\n"
				   "registry: 'scitags.json'\n"
				   "capacity: {marks: 16000000, networks: 1}\n"
				   "log: {level: debug, format: json}\n";
	char error[CONFIG_ERROR_MAX], wanted[128];
	struct config config;

	(void)state;
	load_good(&config, text);
	assert_int_equal(config_complete(&config, error), 0);
	assert_int_equal(config.interfaces.n, 3);
	assert_string_equal(config.interfaces.items[0], "eth0");
	assert_string_equal(config.interfaces.items[1], "ens1f0.100");
	assert_string_equal(config.interfaces.items[2], "ens*[0-9]");
	assert_int_equal(config.attach, CONFIG_ATTACH_CLSACT);
	assert_true(config.observe_ingress);
	assert_string_equal(config.pin_dir, "/sys/fs/bpf/other");
	assert_true(config.detach);
	snprintf(wanted, sizeof(wanted), "%s/state", directory);
	assert_string_equal(config.state_dir, wanted);
	assert_int_equal(config.history, 5000);
	assert_int_equal(config.audit_interval, 300);
	assert_int_equal(config.listen.n, 3);
	assert_string_equal(config.listen.items[0], "unix:/tmp/w.sock");
	assert_string_equal(config.listen.items[1], "[::]:50551");
	assert_string_equal(config.listen.items[2], "node1.example.org:50551");
	assert_true(config.insecure_loopback);
	snprintf(wanted, sizeof(wanted), "%s/agent.pem", directory);
	assert_string_equal(config.tls.certificate, wanted);
	assert_string_equal(config.tls.key, "/etc/agent.key");
	snprintf(wanted, sizeof(wanted), "%s/../ca.pem", directory);
	assert_string_equal(config.tls.client_ca, wanted);
	snprintf(wanted, sizeof(wanted), "%s/scitags.json", directory);
	assert_string_equal(config.registry, wanted);
	assert_int_equal(config.capacity.marks, 16000000);
	assert_int_equal(config.capacity.networks, 1);
	assert_int_equal(config.log.level, LOG_LEVEL_DEBUG);
	assert_int_equal(config.log.format, LOG_FORMAT_JSON);
	config_done(&config);
}

/* A path that may be empty is then not one in the file's directory. */
static void test_no_pins(void **state)
{
	char error[CONFIG_ERROR_MAX];
	struct config config;

	(void)state;
	load_good(&config, "pin_dir: \"\"\n");
	assert_int_equal(config_complete(&config, error), 0);
	assert_string_equal(config.pin_dir, "");
	config_done(&config);
}

static void test_path_without_directory(void **state)
{
	char error[CONFIG_ERROR_MAX], before[256];
	struct config config;

	(void)state;
	write_file("registry: r.json\n", 17);
	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir(directory), 0);
	config_init(&config);
	assert_int_equal(config_load(&config, "w.yaml", error), 0);
	assert_string_equal(config.registry, "r.json");
	config_done(&config);
	assert_int_equal(chdir(before), 0);
}

/* The example has every key, commented out or not, and loads. */
static void test_example(void **state)
{
	static const char *const keys[] = {"interfaces:",
					   "attach:",
					   "observe_ingress:",
					   "pin_dir:",
					   "detach:",
					   "state_dir:",
					   "history:",
					   "audit_interval:",
					   "listen:",
					   "insecure_loopback:",
					   "tls:",
					   "certificate:",
					   "key:",
					   "client_ca:",
					   "policy:",
					   "registry:",
					   "audit:",
					   "file:",
					   "metrics:",
					   "capacity:",
					   "marks:",
					   "networks:",
					   "log:",
					   "level:",
					   "format:"};
	cleanup(close_file) FILE *file = fopen(EXAMPLE_FILE, "re");
	char error[CONFIG_ERROR_MAX], text[8192];
	struct config config;

	(void)state;
	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	for (size_t i = 0; i < LENGTH(keys); i++)
		if (!strstr(text, keys[i]))
			fail_msg("%s is not shown", keys[i]);
	config_init(&config);
	if (config_load(&config, EXAMPLE_FILE, error) < 0 ||
	    config_complete(&config, error) < 0)
		fail_msg("%s", error);
	assert_int_equal(config.interfaces.n, 1);
	free(config.interfaces.items[0]);
	config.interfaces.n = 0;
	check_defaults(&config);
	config_done(&config);
}

/* The same with what is commented out. */
static void test_example_in_full(void **state)
{
	cleanup(close_file) FILE *file = fopen(EXAMPLE_FILE, "re");
	char error[CONFIG_ERROR_MAX], line[256], text[8192] = "";
	struct config config;

	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		static const char *const hidden[] = {
			"# tls:",    "# audit:",    "# metrics:", "#   ",
			"# policy:", "# registry:", "  # - "};
		size_t used = strlen(text);

		for (size_t i = 0; i < LENGTH(hidden); i++)
			if (strncmp(line, hidden[i], strlen(hidden[i])) == 0)
				memmove(strchr(line, '#'), strchr(line, '#') + 2,
					strlen(strchr(line, '#') + 1));
		snprintf(text + used, sizeof(text) - used, "%s", line);
	}
	load_good(&config, text);
	assert_int_equal(config_complete(&config, error), 0);
	assert_int_equal(config.listen.n, 2);
	assert_string_equal(config.listen.items[1], "[::]:50551");
	assert_non_null(config.tls.client_ca);
	assert_non_null(config.registry);
	assert_non_null(config.policy);
	assert_string_equal(config.audit.file, "/var/log/waymark/audit.jsonl");
	assert_string_equal(config.metrics.listen, "127.0.0.1:9551");
	config_done(&config);
}

/* ---- bad files ---- */

#define PATH_OF_108                                                                       \
	"/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
	const char *name, *text;
	unsigned int line;
	const char *message;
} bad[] = {
	{"unknown key", "attach: tcx\n\ninterface: eth0\n", 3,
	 "interface: there is no such key"},
	{"unknown key in a group", "log:\n  level: info\n  colour: red\n", 3,
	 "log.colour: there is no such key"},
	{"dotted key", "log.level: info\n", 1, "log.level"},
	{"merge key", "attach: tcx\n<<: {}\n", 2, "<<: there is no such key"},
	{"key is a list", "? [attach]\n: tcx\n", 1, "a key must be a name"},
	{"key with a NUL", "attach: tcx\n\"log\\0\": {}\n", 2, "a key must be a name"},
	{"key twice", "attach: tcx\nlisten: [a:1]\nattach: auto\n", 3, "attach is given twice"},
	{"key of a group twice", "log:\n  level: info\n  level: info\n", 3,
	 "level is given twice"},
	{"not a mapping", "\n- eth0\n", 2, "the file is a list: must be a mapping"},
	{"a word", "eth0\n", 1, "the file is a single value"},
	{"second document", "attach: tcx\n---\nattach: auto\n", 3, "a second document"},
	{"syntax", "attach: tcx\nlisten: [a:1\nlog: {}\n", 3, "did not find expected"},
	{"tab", "log:\n\tlevel: info\n", 2, "cannot start any token"},
	{"unknown alias", "attach: tcx\nlisten: *l\n", 2, "undefined alias"},
	{"invalid UTF-8", "attach: tcx\n#\nregistry: \xFF\n", 3, "invalid leading UTF-8 octet"},
	{"list instead of value", "attach:\n  - tcx\n", 2,
	 "attach is a list: must be a single value"},
	{"mapping instead of value", "registry: {path: x}\n", 1, "registry is a mapping"},
	{"value instead of list", "interfaces: eth0\n", 1,
	 "interfaces is a single value: must be a list"},
	{"null instead of list", "\ninterfaces:\n", 2, "must be a list"},
	{"list in a list", "interfaces:\n- a\n- [b]\n", 3, "must be a list of single values"},
	{"value instead of group", "log: debug\n", 1,
	 "log is a single value: must be a mapping"},
	{"list instead of group", "tls: [a, b, c]\n", 1, "tls is a list: must be a mapping"},
	{"no value", "attach: tcx\nregistry:\n", 2, "registry has no value"},
	{"null", "registry: ~\n", 1, "registry has no value"},
	{"null in a list", "interfaces: [eth0, null]\n", 1, "interfaces has no value"},
	{"empty path", "registry: ''\n", 1, "registry \"\": must be a path"},
	{"NUL in a path", "registry: \"a\\0b\"\n", 1, "must not hold a NUL"},
	{"bool", "insecure_loopback: maybe\n", 1,
	 "insecure_loopback \"maybe\": must be true or false"},
	{"bool as number", "insecure_loopback: 1\n", 1, "must be true or false"},
	{"bool as text", "insecure_loopback: \"true\"\n", 1, "must not be quoted"},
	{"choice", "attach: xdp\n", 1, "attach \"xdp\": must be one of auto, tcx, clsact"},
	{"choice in another case", "attach: TCX\n", 1, "must be one of"},
	{"level", "log:\n  format: text\n  level: loud\n", 3,
	 "log.level \"loud\": must be one of error, warning, info, debug"},
	{"format", "log: {format: xml}\n", 1, "must be one of text, json"},
	{"number 0", "capacity:\n  marks: 0\n", 2,
	 "capacity.marks \"0\": must be a whole number in 1..16000000"},
	{"number too large", "capacity:\n  marks: 16000001\n", 2, "in 1..16000000"},
	{"number far too large", "capacity:\n  marks: 99999999999999999999999999\n", 2,
	 "in 1..16000000"},
	{"networks", "capacity: {networks: 16385}\n", 1,
	 "capacity.networks \"16385\": must be a whole number in 1..16384"},
	{"negative number", "capacity: {marks: -1}\n", 1, "must be a whole number"},
	{"fraction", "capacity: {marks: 1.5}\n", 1, "must be a whole number"},
	{"octal number", "capacity: {marks: 010}\n", 1, "must be a whole number"},
	{"hexadecimal number", "capacity: {marks: 0x10}\n", 1, "must be a whole number"},
	{"number with a unit", "capacity: {marks: 1k}\n", 1, "must be a whole number"},
	{"number as text", "capacity: {marks: '1000'}\n", 1, "must not be quoted"},
	{"pattern with a slash", "interfaces:\n- eth0\n- ens/*\n", 3,
	 "interfaces \"ens/*\": must be an interface's name or a pattern, which have "
	 "no '/' or blank"},
	{"pattern with a space", "interfaces: ['a *']\n", 1, "no '/' or blank"},
	{"pattern too long",
	 "interfaces: "
	 "['*abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl']\n",
	 1, "must be a pattern of at most 63 characters"},
	{"no state folder", "state_dir: \"\"\n", 1, "state_dir \"\": must be a path"},
	{"value of two lines", "attach: \"a\\nb\"\n", 1, "must not be quoted"},
	{"key of two lines", "\"a\\nb\": 1\n", 1, "a?b: there is no such key"},
	{"time without unit", "audit_interval: 60\n", 1, "must be a time in 0s..86400s"},
	{"long time", "audit_interval: 25h\n", 1, "must be a time in 0s..86400s"},
	{"unit alone", "audit_interval: s\n", 1, "must be a time in 0s..86400s"},
	{"no value for pins", "attach: tcx\npin_dir:\n", 2, "pin_dir has no value"},
	{"interface too long", "interfaces: [abcdefghijklmnop]\n", 1, "1 to 15 characters"},
	{"interface with a slash", "interfaces: [a/b]\n", 1, "no '/' or blank"},
	{"interface with a space", "interfaces: ['a b']\n", 1, "no '/' or blank"},
	{"interface ..", "interfaces: ['..']\n", 1, "1 to 15 characters"},
	{"interface without a name", "interfaces: ['']\n", 1, "1 to 15 characters"},
	{"no listener", "attach: tcx\nlisten: []\n", 2, "listen: must not be empty"},
	{"relative socket", "listen: ['unix:w.sock']\n", 1, "an absolute path of at most 107"},
	{"socket's path too long", "listen: ['unix:" PATH_OF_108 "']\n", 1, "at most 107"},
	{"no port", "listen:\n- localhost\n", 2, "listen \"localhost\": must be unix:/path"},
	{"empty port", "listen: ['localhost:']\n", 1, "must be unix:/path, host:port"},
	{"no host", "listen: [':50551']\n", 1, "must be unix:/path, host:port"},
	{"port 65536", "listen: ['localhost:65536']\n", 1, "must be unix:/path, host:port"},
	{"port by name", "listen: ['localhost:grpc']\n", 1, "must be unix:/path, host:port"},
	{"a URL", "listen: ['tcp://localhost:1']\n", 1, "must be unix:/path, host:port"},
	{"metrics for everybody", "metrics:\n  listen: '[::]:9551'\n", 2,
	 "metrics.listen \"[::]:9551\": must be a port of loopback"},
	{"metrics at a relative socket", "metrics: {listen: 'unix:m'}\n", 1,
	 "metrics.listen \"unix:m\": must be unix: and an absolute path"},
	{"IPv6 without brackets", "listen: ['::1:50551']\n", 1, "brackets around the IPv6"},
	{"brackets without IPv6", "listen: ['[]:50551']\n", 1, "brackets around the IPv6"},
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		char error[CONFIG_ERROR_MAX], begin[64];
		struct config config;

		if (load(&config, bad[i].text, error) != -EINVAL)
			fail_msg("%s was accepted", bad[i].name);
		snprintf(begin, sizeof(begin), "%s:%u: ", path, bad[i].line);
		if (strncmp(error, begin, strlen(begin)) != 0 || !strstr(error, bad[i].message))
			fail_msg("%s, line %u: %s", bad[i].name, bad[i].line, error);
		config_done(&config);
	}
}

static void test_unreadable(void **state)
{
	const struct {
		const char *path, *message;
	} files[] = {
		{"/nonexistent/w.yaml", "/nonexistent/w.yaml: No such file or directory"},
		{"/", "/: Is a directory"},
		{"/dev/zero", "/dev/zero: File too large"},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(files); i++) {
		char error[CONFIG_ERROR_MAX];
		struct config config;

		config_init(&config);
		assert_int_equal(config_load(&config, files[i].path, error), -EINVAL);
		assert_string_equal(error, files[i].message);
		config_done(&config);
	}
}

/* ---- values that do not go together ---- */

static const struct {
	const char *name, *text, *message; /* NULL: fine */
} together[] = {
	{"TCP without TLS", "listen: ['unix:/a', '[::1]:1']\n",
	 "listen \"[::1]:1\": TCP needs"},
	{"TCP in plaintext on loopback", "listen: ['[::1]:1']\ninsecure_loopback: true\n",
	 NULL},
	{"TCP with TLS", "listen: ['[::]:1']\ntls: {certificate: a, key: b, client_ca: c}\n",
	 NULL},
	{"no client CA", "tls: {certificate: a, key: b}\n",
	 "tls.key is given, but tls.client_ca is not"},
	{"no key", "tls: {certificate: a, client_ca: b}\n",
	 "tls.client_ca is given, but tls.key is not"},
	{"no certificate", "tls: {key: a, client_ca: b}\n", "but tls.certificate is not"},
};

static void test_together(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(together); i++) {
		char error[CONFIG_ERROR_MAX] = "accepted";
		struct config config;
		int r;

		load_good(&config, together[i].text);
		r = config_complete(&config, error);
		if (r != (together[i].message ? -EINVAL : 0) ||
		    (r < 0 && !strstr(error, together[i].message)))
			fail_msg("%s: %s", together[i].name, error);
		config_done(&config);
	}
}

/* ---- changing while the agent runs ---- */

enum { NOTED_MAX = 256 };

static void note_key(const char *key, void *user)
{
	char *keys = user;
	size_t length = strlen(keys);

	snprintf(keys + length, NOTED_MAX - length, "%s ", key);
}

static void test_change(void **state)
{
	struct config config, wanted;
	char keys[NOTED_MAX] = "";

	(void)state;
	load_good(&config, "interfaces: [eth0]\nlog: {level: debug}\npin_dir: /a\n"
			   "registry: r.json\nlisten: ['unix:/a']\n");
	load_good(&wanted, "interfaces: [eth1, lo]\npin_dir: /a\nlisten: ['unix:/b']\n"
			   "capacity: {marks: 7}\ndetach: true\n");
	config_change(&config, &wanted, note_key, keys);
	assert_string_equal(keys, "listen capacity.marks ");
	assert_int_equal(config.interfaces.n, 2);
	assert_string_equal(config.interfaces.items[1], "lo");
	assert_int_equal(config.log.level, LOG_LEVEL_INFO);
	assert_null(config.registry);
	assert_true(config.detach);
	/* These stay. */
	assert_string_equal(config.listen.items[0], "unix:/a");
	assert_int_equal(config.capacity.marks, CONFIG_MARKS_DEFAULT);
	assert_string_equal(wanted.interfaces.items[0], "eth0");
	keys[0] = '\0';
	config_done(&wanted);
	load_good(&wanted, "interfaces: [eth1, lo]\npin_dir: /a\nlisten: ['unix:/a']\n");
	config_change(&config, &wanted, note_key, keys);
	assert_string_equal(keys, "");
	config_done(&config);
	config_done(&wanted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults), cmocka_unit_test(test_every_key),
		cmocka_unit_test(test_no_pins),	 cmocka_unit_test(test_path_without_directory),
		cmocka_unit_test(test_example),	 cmocka_unit_test(test_example_in_full),
		cmocka_unit_test(test_bad),	 cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_together), cmocka_unit_test(test_change),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
