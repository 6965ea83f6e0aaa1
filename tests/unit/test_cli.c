/* SPDX-License-Identifier: Apache-2.0 */
/* Whole command lines against an agent that a test scripts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "clients/cleanup.h"
#include "clients/cli/cli.h"
#include "cli_harness.h"
#include "waymark/v1/marker.pb-c.h"

static void test_set(void **state)
{
	cleanup(free_message) Waymark__V1__SetMarkRequest *request = NULL;

	(void)state;
	assert_int_equal(
		run(ARGV("set", "2001:db8::2", "--protocol", "TCP", "--source", "2001:db8::1",
			 "--source-port", "5001", "--destination-port=443", "--scitag",
			 "cms/14", "--dscp", "0", "--cookie", "x", "--owner", "rucio")),
		0);
	assert_string_equal(result.err, "waymark: warning: no interface attached\n");
	assert_string_equal(result.out, "OUTCOME  KIND  MATCH        LABEL                     "
					" DSCP  EXPIRES  OWNER       COOKIE\n"
					"CREATED  HOST  2001:db8::2  cms/Analysis Input (3/14) "
					"    -        -  unix:uid=0  a\\nb\n");
	request = waymark__v1__set_mark_request__unpack(NULL, script.request_length,
							script.request);
	assert_string_equal(request->mark->match->destination, "2001:db8::2");
	assert_string_equal(request->mark->match->source, "2001:db8::1");
	assert_int_equal(request->mark->match->protocol, 6);
	assert_int_equal(request->mark->match->source_port, 5001);
	assert_int_equal(request->mark->match->destination_port, 443);
	assert_int_equal(request->mark->label_case, WAYMARK__V1__MARK__LABEL_SCITAG);
	assert_string_equal(request->mark->scitag->experiment, "cms");
	assert_int_equal(request->mark->scitag->activity_id, 14);
	assert_int_equal(request->mark->dscp_choice_case, WAYMARK__V1__MARK__DSCP_CHOICE_DSCP);
	assert_string_equal(request->mark->cookie, "x");
	assert_string_equal(request->options->owner, "rucio");
}

/* What was not given is not sent: that is how an agent knows. */
static void test_set_sends_no_more_than_given(void **state)
{
	cleanup(free_message) Waymark__V1__SetMarkRequest *request = NULL;

	(void)state;
	assert_int_equal(run(ARGV("set", "::1", "--label", "0")), 0);
	request = waymark__v1__set_mark_request__unpack(NULL, script.request_length,
							script.request);
	assert_int_equal(request->mark->label_case, WAYMARK__V1__MARK__LABEL_FLOW_LABEL);
	assert_int_equal(request->mark->dscp_choice_case,
			 WAYMARK__V1__MARK__DSCP_CHOICE__NOT_SET);
	assert_int_equal(request->mark->lifetime_case, WAYMARK__V1__MARK__LIFETIME__NOT_SET);
	assert_null(request->options);
}

static void test_set_ttl(void **state)
{
	cleanup(free_message) Waymark__V1__SetMarkRequest *request = NULL;

	(void)state;
	assert_int_equal(run(ARGV("set", "::1", "--label", "0", "--ttl", "1d12h")), 0);
	request = waymark__v1__set_mark_request__unpack(NULL, script.request_length,
							script.request);
	assert_int_equal(request->mark->lifetime_case, WAYMARK__V1__MARK__LIFETIME_TTL);
	assert_int_equal(request->mark->ttl->seconds, 129600);
	assert_int_equal(request->mark->ttl->nanos, 0);
}

/* Tables show the time left by this host's clock, which goes on meanwhile; half a unit of
 * slack. */
static void test_time_left(void **state)
{
	(void)state;
	script.ttl = 172800;
	script.expire_time = time(NULL) + 129600 + 1800;
	assert_int_equal(run(ARGV("set", "::1", "--label", "0")), 0);
	assert_non_null(strstr(result.out, "-    1d12h  unix:uid=0"));
	assert_int_equal(run(ARGV("list")), 0);
	assert_non_null(strstr(result.out, "-    1d12h       12"));
	assert_int_equal(run(ARGV("get", "::1")), 0);
	assert_non_null(strstr(result.out, "TTL       172800s\n"
					   "EXPIRES   1d12h\n"));
	script.expire_time = time(NULL) - 1;
	assert_int_equal(run(ARGV("get", "::1")), 0);
	assert_non_null(strstr(result.out, "EXPIRES   0s\n"));
	script.expire_time = 1738318830;
	assert_int_equal(run(ARGV("get", "::1", "-ojsonl")), 0);
	assert_non_null(strstr(result.out, "\"ttl\":\"172800s\""));
	assert_non_null(strstr(result.out, "\"expireTime\":\"2025-01-31T10:20:30Z\""));
}

static void test_refusal(void **state)
{
	static const char message[] =
		"waymark: 192.0.2.1: IPv4\\n\\x1b[31m (field mark.match.destination, reason "
		"IPV4_UNSUPPORTED)\n";

	(void)state;
	script.code = WAYMARK_INVALID_ARGUMENT;
	assert_int_equal(run(ARGV("set", "192.0.2.1", "--label", "1")), 2);
	assert_string_equal(result.err, message);
	assert_string_equal(result.out, "");
	script.code = WAYMARK_PERMISSION_DENIED;
	assert_int_equal(run(ARGV("clear", "::1")), 4);
	script.code = WAYMARK_NOT_FOUND;
	assert_int_equal(run(ARGV("get", "::1", "-o", "json")), 3);
	script.code = WAYMARK_UNIMPLEMENTED;
	assert_int_equal(run(ARGV("list")), 8);
	script.code = WAYMARK_UNAVAILABLE;
	assert_int_equal(run(ARGV("stats")), 7);
	assert_string_equal(result.err, message);
}

static void test_clear(void **state)
{
	(void)state;
	assert_int_equal(run(ARGV("clear", "2001:db8::2")), 0);
	assert_non_null(strstr(result.out, "REMOVED  HOST  2001:db8::2"));
	assert_non_null(strstr(result.out, "12   3456"));
	script.with_mark = false;
	assert_int_equal(run(ARGV("clear", "2001:db8::7")), 0);
	assert_non_null(strstr(result.out, "ABSENT   -     2001:db8::7  -"));
	assert_int_equal(run(ARGV("clear", "2001:db8::7", "-o", "jsonl")), 0);
	assert_string_equal(result.out, "{\"outcome\":\"OUTCOME_ABSENT\"}\n");
}

static void test_get(void **state)
{
	cleanup(free_message) Waymark__V1__GetMarkRequest *request = NULL;

	(void)state;
	assert_int_equal(run(ARGV("get", "2001:db8::2", "--effective")), 0);
	assert_non_null(strstr(result.out, "LABEL     cms/Analysis Input (3/14)\n"));
	assert_non_null(strstr(result.out, "BYTES     3456\n"));
	request = waymark__v1__get_mark_request__unpack(NULL, script.request_length,
							script.request);
	assert_true(request->effective);
	/* An agent that answers without a mark does not bring the program down. */
	script.with_mark = false;
	assert_int_equal(run(ARGV("get", "::1")), 0);
	assert_int_equal(run(ARGV("get", "::1", "-o", "jsonl")), 0);
	assert_string_equal(result.out, "{}\n");
}

static void test_list_table(void **state)
{
	(void)state;
	assert_int_equal(run(ARGV("list")), 0);
	assert_int_equal(script.pages, 3);
	assert_string_equal(result.out, "KIND  MATCH        LABEL                      DSCP  "
					"EXPIRES  PACKETS  BYTES  OWNER       COOKIE\n"
					"HOST  2001:db8::2  cms/Analysis Input (3/14)     -    "
					"    -       12   3456  unix:uid=0  a\\nb\n"
					"HOST  2001:db8::2  cms/Analysis Input (3/14)     -    "
					"    -       12   3456  unix:uid=0  a\\nb\n"
					"HOST  2001:db8::2  cms/Analysis Input (3/14)     -    "
					"    -       12   3456  unix:uid=0  a\\nb\n");
	script.with_mark = false;
	assert_int_equal(run(ARGV("list")), 0);
	assert_string_equal(
		result.out,
		"KIND  MATCH  LABEL  DSCP  EXPIRES  PACKETS  BYTES  OWNER  COOKIE\n");
}

static void test_list_json(void **state)
{
	json_t *list;

	(void)state;
	assert_int_equal(run(ARGV("-o", "json", "list")), 0);
	list = json_loads(result.out, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(list, "marks")), 3);
	for (size_t i = 0; i < 3; i++) {
		const json_t *mark = json_array_get(json_object_get(list, "marks"), i);
		char revision[] = {(char)('1' + i), '\0'};

		assert_string_equal(json_string_value(json_object_get(mark, "revision")),
				    revision);
	}
	/* The first answer's revision: a watch from there misses nothing. */
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(list, "header"), "revision")),
		"100");
	assert_null(json_object_get(list, "nextPageToken"));
	json_decref(list);

	script.with_mark = false;
	assert_int_equal(run(ARGV("list", "-o", "json")), 0);
	list = json_loads(result.out, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(list, "marks")), 0);
	assert_true(json_is_array(json_object_get(list, "marks")));
	json_decref(list);
}

static void test_list_jsonl(void **state)
{
	size_t lines = 0;

	(void)state;
	assert_int_equal(run(ARGV("list", "-ojsonl")), 0);
	for (const char *line = result.out; *line; line = strchr(line, '\n') + 1) {
		json_t *mark = json_loads(line, JSON_DISABLE_EOF_CHECK, NULL);

		assert_string_equal(json_string_value(json_object_get(mark, "kind")),
				    "KIND_HOST");
		json_decref(mark);
		lines++;
	}
	assert_int_equal(lines, 3);
}

static void test_list_filter(void **state)
{
	cleanup(free_message) Waymark__V1__ListMarksRequest *request = NULL;

	(void)state;
	assert_int_equal(run(ARGV("list", "--prefix", "2001:db8::/32", "--owner", "o", "--kind",
				  "host", "--kind", "flow", "--label", "0x10", "--cookie", "c",
				  "--page-size", "7", "-o", "jsonl")),
			 0);
	request = waymark__v1__list_marks_request__unpack(NULL, script.request_length,
							  script.request);
	assert_string_equal(request->filter->destination_prefix, "2001:db8::/32");
	assert_string_equal(request->filter->owner, "o");
	assert_int_equal(request->filter->n_kinds, 2);
	assert_int_equal(request->filter->kinds[1], WAYMARK__V1__KIND__KIND_FLOW);
	assert_int_equal(request->flow_label, 0x10);
	assert_string_equal(request->cookie, "c");
	assert_int_equal(request->page_size, 7);
	assert_false(request->with_counters);
	/* The last page was asked for with the token of the one before. */
	assert_string_equal(request->page_token, "2");
}

static void test_stats(void **state)
{
	(void)state;
	assert_int_equal(run(ARGV("stats")), 0);
	assert_non_null(strstr(result.out, "NODE           dtn1\n"));
	assert_non_null(strstr(result.out, "eth0           0  TCX      0       0      0  "
					   "NO_MATCH 12, NOT_IPV6 3  -\n"));
	assert_non_null(strstr(result.out, "AUDIT REPAIRS  5\n"));
	assert_non_null(strstr(result.out, "\n\nSCITAG  SENT  BYTES  OBSERVED  BYTES\n"
					   "other      0      0         7   8400\n"
					   "3/14       7   8400         0      0\n"));
	assert_int_equal(run(ARGV("stats", "-o", "json")), 0);
	assert_non_null(strstr(result.out, "\"attachMode\": \"ATTACH_MODE_TCX\""));
}

static void test_scitag(void **state)
{
	(void)state;
	assert_int_equal(run(ARGV("scitag", "encode", "cms/Analysis Input")), 0);
	assert_string_equal(
		result.out,
		"EXPERIMENT  ACTIVITY        SCITAG  PROTOCOL VALUE   LABEL  HEX\n"
		"cms         Analysis Input    3/14             206  196664  0x30038\n");
	assert_int_equal(run(ARGV("scitag", "decode", "0xF013B", "-o", "jsonl")), 0);
	assert_string_equal(
		result.out,
		"{\"experimentId\":3,\"activityId\":14,\"protocolValue\":206,\"flowLabel\":"
		"196664,"
		"\"flowLabelHex\":\"0x30038\",\"experiment\":\"cms\",\"activity\":\"Analysis "
		"Input\"}\n");
	assert_int_equal(run(ARGV("scitag", "decode", "0x3FEFC")), 0);
	assert_non_null(strstr(result.out, "-           -         511/63"));
	assert_int_equal(run(ARGV("scitag", "list", "-o", "jsonl")), 0);
	assert_non_null(strstr(result.out, "{\"experimentId\":14,\"activityId\":1,"));
	assert_int_equal(run(ARGV("scitag", "list", "-o", "json")), 0);
	assert_non_null(strstr(result.out, "\"modified\": \"20"));
}

static const struct {
	const char *argv[6];
	const char *error;
} usages[] = {
	{{NULL}, "waymark: no command; 'waymark help' lists them\n"},
	{{"frob"}, "waymark: unknown command 'frob'; 'waymark help' lists them\n"},
	{{"--frob"}, "waymark: unknown option '--frob'\n"},
	{{"set"}, "waymark: set: arguments are missing: DESTINATION\n"},
	{{"get", "::1", "::2"}, "waymark: get: unexpected argument '::2'\n"},
	{{"list", "--page-size", "0"},
	 "waymark: list: --page-size '0': not a number in 1..4294967295\n"},
	{{"set", "::1", "--label=1", "--ttl=90"},
	 "waymark: set: --ttl '90': the last number has no unit: s, m, h or d\n"},
	{{"set", "::1", "--label=1", "--scitag=3/14"},
	 "waymark: set: --scitag and --label exclude each other\n"},
	{{"list", "--label=1", "--scitag=3/14"},
	 "waymark: list: --scitag and --label exclude each other\n"},
	{{"--target", "nowhere", "stats"},
	 "waymark: --target: 'nowhere' is not unix:/path, host:port or [address]:port\n"},
	{{"--tls-cert=/nonexistent", "--target=h:1", "--tls-key=/", "stats"},
	 "waymark: --tls-cert: /nonexistent: No such file or directory\n"},
	{{"scitag", "frob"}, "waymark: scitag: 'frob' is not encode, decode or list\n"},
	{{"scitag", "encode"}, "waymark: scitag encode: arguments are missing: EXP[/ACT]\n"},
	{{"scitag", "list", "x"}, "waymark: scitag list: unexpected argument 'x'\n"},
	{{"scitag", "list", "--registry", "/nonexistent"},
	 "waymark: scitag: --registry: registry /nonexistent: No such file or directory\n"},
	{{"scitag"}, "waymark: scitag: encode, decode or list is missing\n"},
	{{"lease", "renew", "0"},
	 "waymark: lease renew: ID '0': not a number in 1..18446744073709551615\n"},
	{{"lease", "grant", "x"},
	 "waymark: lease grant: TTL 'x': not a length of time such as 90s, 1d12h or PT1H30M\n"},
	{{"set", "::1", "--label=1", "--ttl=1s", "--lease=1"},
	 "waymark: set: --ttl and --lease exclude each other\n"},
	{{"set", "::1", "--label=1", "--if-revision=1", "--must-not-exist"},
	 "waymark: set: --if-revision and --must-not-exist exclude each other\n"},
	{{"watch", "--updates-only", "--until-synced"},
	 "waymark: watch: --updates-only and --until-synced exclude each other\n"},
	{{"apply", "/nonexistent"}, "waymark: /nonexistent: No such file or directory\n"},
	{{"help", "lease", "frob"},
	 "waymark: help: no command 'frob'; 'waymark help' lists them\n"},
	{{"help", "frob"}, "waymark: help: no command 'frob'; 'waymark help' lists them\n"},
};

static void test_usage(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(usages) / sizeof(usages[0]); i++) {
		const char *argv[6];

		memcpy(argv, usages[i].argv, sizeof(argv));
		assert_int_equal(run(argv), 2);
		assert_string_equal(result.err, usages[i].error);
		assert_string_equal(result.out, "");
	}
	assert_int_equal(script.request_length, 0);
}

static void test_help(void **state)
{
	(void)state;
	assert_int_equal(run(ARGV("help")), 0);
	for (const struct command *const *command = commands; *command; command++) {
		assert_non_null(strstr(result.out, (*command)->summary));
		assert_int_equal(run(ARGV((*command)->name, "--help")), 0);
		assert_string_equal(result.err, "");
		assert_non_null(strstr(result.out, (*command)->name));
		for (const struct command *const *member = (*command)->members;
		     member && *member; member++) {
			assert_non_null(strstr(result.out, (*member)->summary));
			assert_int_equal(
				run(ARGV("help", (*command)->name, command_word(*member))), 0);
			assert_non_null(strstr(result.out, (*member)->name));
			assert_int_equal(run(ARGV("help", (*command)->name)), 0);
		}
		assert_int_equal(run(ARGV("-h")), 0);
	}
	assert_int_equal(run(ARGV("help", "exit-codes")), 0);
	assert_non_null(strstr(result.out, "  4  not allowed\n"
					   "     (PERMISSION_DENIED, UNAUTHENTICATED)\n"));
	assert_int_equal(run(ARGV("--version")), 0);
	assert_string_equal(result.out, "waymark " WAYMARK_VERSION "\n");
}

static void test_full_disk(void **state)
{
	FILE *full = fopen("/dev/full", "we");
	char *text = NULL;
	size_t size;
	FILE *err = open_memstream(&text, &size);

	(void)state;
	assert_non_null(full);
	assert_int_equal(cli_run(ARGV("help"), full, err), 1);
	(void)fclose(full);
	(void)fclose(err);
	assert_string_equal(text,
			    "waymark: the output cannot be written: No space left on device\n");
	free(text);
}

int main(void)
{
#define WITH_AGENT(test) cmocka_unit_test_setup_teardown(test, cli_setup, cli_teardown)
	const struct CMUnitTest tests[] = {
		WITH_AGENT(test_set),	      WITH_AGENT(test_set_sends_no_more_than_given),
		WITH_AGENT(test_set_ttl),     WITH_AGENT(test_time_left),
		WITH_AGENT(test_refusal),     WITH_AGENT(test_clear),
		WITH_AGENT(test_get),	      WITH_AGENT(test_list_table),
		WITH_AGENT(test_list_json),   WITH_AGENT(test_list_jsonl),
		WITH_AGENT(test_list_filter), WITH_AGENT(test_stats),
		WITH_AGENT(test_scitag),      WITH_AGENT(test_usage),
		WITH_AGENT(test_help),	      WITH_AGENT(test_full_disk),
	};

	waymark_quiet();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
