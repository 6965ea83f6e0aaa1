/* SPDX-License-Identifier: Apache-2.0 */
/* Options of writes; apply, replace, lease and watch, against an agent that a test scripts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "clients/cleanup.h"
#include "clients/cli/cli.h"
#include "cli_harness.h"

#define MARK(n) "{\"match\":{\"destination\":\"2001:db8::" n "\"},\"flowLabel\":1}\n"

static void test_write_options(void **state)
{
	cleanup(free_message) Waymark__V1__SetMarkRequest *request = NULL;
	cleanup(free_message) Waymark__V1__ClearMarkRequest *clear = NULL;

	(void)state;
	assert_int_equal(
		run(ARGV("set", "::1", "--label", "0", "--lease", "18446744073709551615",
			 "--if-revision", "7", "--election-id", "8", "--dry-run")),
		0);
	request = waymark__v1__set_mark_request__unpack(NULL, script.request_length,
							script.request);
	assert_int_equal(request->mark->lifetime_case, WAYMARK__V1__MARK__LIFETIME_LEASE_ID);
	assert_int_equal(request->mark->lease_id, UINT64_MAX);
	assert_int_equal(request->precondition->if_revision, 7);
	assert_false(request->precondition->must_not_exist);
	assert_int_equal(request->options->election_id, 8);
	assert_true(request->options->validate_only);
	assert_int_equal(run(ARGV("clear", "::1", "--if-revision", "9", "--owner", "x")), 0);
	clear = waymark__v1__clear_mark_request__unpack(NULL, script.request_length,
							script.request);
	assert_int_equal(clear->precondition->if_revision, 9);
	assert_string_equal(clear->options->owner, "x");
}

static void test_apply_in_batches(void **state)
{
	(void)state;
	assert_int_equal(
		run(ARGV("apply",
			 write_file(MARK("1") "{\"clear\":{\"destination\":"
					      "\"::2\"}}\n" MARK("3") "\n\n" MARK("4")))),
		0);
	assert_string_equal(script.log, "apply 3;apply 1;");
	assert_string_equal(result.out, "3 created, 0 updated, 0 unchanged, 0 removed, 1 "
					"absent, 0 failed\n");
	assert_string_equal(result.err, "");
}

static void test_apply_names_lines_of_failures(void **state)
{
	const char *path = write_file(MARK("1") MARK("2") MARK("3") "\n" MARK("f"));
	char expected[256];

	(void)state;
	(void)snprintf(expected, sizeof(expected),
		       "waymark: %s:5: no room (field set.match, reason TABLE_FULL)\n", path);
	assert_int_equal(run(ARGV("apply", path)), 6);
	assert_string_equal(result.err, expected);
	assert_int_equal(run(ARGV("apply", path, "--only-failures", "--owner", "o",
				  "--election-id", "5", "--dry-run")),
			 6);
	assert_string_equal(result.err, expected);
	assert_string_equal(result.out, "would be: 3 done, 1 failed\n");
	assert_string_equal(script.log, "apply 3;apply 1;apply 3 failures for o id 5 dry;"
					"apply 1 failures for o id 5 dry;");
	assert_int_equal(run(ARGV("apply", path, "--only-failures", "-ojsonl")), 6);
	assert_string_equal(
		result.out,
		"{\"error\":{\"code\":8,\"reason\":\"TABLE_FULL\",\"field\":\"set.match\","
		"\"message\":\"no room\"},\"line\":5}\n"
		"{\"summary\":{\"done\":3,\"failed\":1,\"dryRun\":false}}\n");
}

/* The first update's file must not reach an agent in pieces if it shall be one whole. */
static void test_apply_all_or_nothing(void **state)
{
	(void)state;
	assert_int_equal(run(ARGV("apply", "--all-or-nothing",
				  write_file(MARK("1") MARK("2") MARK("3") MARK("4")))),
			 2);
	assert_non_null(strstr(result.err, "has 4 updates; 3 of them fit into one call"));
	assert_string_equal(script.log, "");
	assert_int_equal(run(ARGV("apply", "--all-or-nothing", write_file(MARK("1")))), 0);
	assert_string_equal(script.log, "apply 1 all;");
}

static void test_apply_nothing(void **state)
{
	(void)state;
	assert_int_equal(run(ARGV("apply", "--election-id=3", write_file(""))), 0);
	assert_string_equal(script.log, "apply 0 for  id 3;");
	assert_int_equal(run(ARGV("apply", write_file("[]"), "-o", "json")), 0);
	assert_non_null(strstr(result.out, "\"results\": []"));
}

static const struct {
	const char *text;
	const char *error; /* behind the path */
} wrong[] = {
	{"\n" MARK("z"),
	 ":2: destination \"2001:db8::z\": not an IPv6 address or prefix (field "
	 "match.destination)\n"},
	{"{\"match\":{\"destination\":\"::1\"},\"dscp\":64}",
	 ":1: dscp 64: not in 0..63 (field dscp)\n"},
	{"{\"set\":{\"match\":{\"destination\":\"::1\"},\"dscp\":64}}",
	 ":1: dscp 64: not in 0..63 (field set.dscp)\n"},
	{"{\"match\":{\"destination\":\"::1\"}}",
	 ":1: a mark needs flowLabel, scitag or dscp (field label)\n"},
	{"{\"match\":{\"destination\":\"::1\"},\"dscp\":\"x\"}",
	 ":1: dscp \"x\": not a number in 0..4294967295\n"},
	{"{\"flow_label\":1}", ":1: a match is required (field match)\n"},
	{"{\"set\":{},\"clear\":{}}", ":1: clear: excludes set\n"},
	{"{\"flowLabel\":1,\"flowLabel\":1}",
	 ":1: duplicate object key near '\"flowLabel\"'\n"},
	{"[1]", ":1: '[' or '{' expected near '1'\n"},
	{"[\n" MARK("1") MARK("2") "]", ":3: ',' or ']' expected near '{'\n"},
	{"[]x", ":1: the end of the file expected near 'x'\n"},
	{MARK("1") "{\"match\":\n{", ":3: string or '}' expected near end of file\n"},
};

static void test_wrong_files_are_not_sent(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const char *path = write_file(wrong[i].text);
		char expected[512];

		(void)snprintf(expected, sizeof(expected), "waymark: %s%s", path,
			       wrong[i].error);
		assert_int_equal(run(ARGV("apply", path)), 2);
		assert_string_equal(result.err, expected);
		assert_string_equal(result.out, "");
	}
	assert_int_equal(script.request_length, 0);
}

/* Every bad line is named, so that a file is put right in one go. */
static void test_all_wrong_lines_are_named(void **state)
{
	const char *path = write_file(MARK("x") MARK("1") MARK("y"));

	(void)state;
	assert_int_equal(run(ARGV("replace", path)), 2);
	assert_non_null(strstr(result.err, ":1: destination \"2001:db8::x"));
	assert_null(strstr(result.err, ":2: "));
	assert_non_null(strstr(result.err, ":3: destination \"2001:db8::y"));
}

static void test_replace(void **state)
{
	const char *path = write_file("[" MARK("1") "," MARK("2") "]");
	char expected[256];

	(void)state;
	(void)snprintf(expected, sizeof(expected), "waymark: %s:2: another's (NOT_OWNER)\n",
		       path);
	assert_int_equal(run(ARGV("replace", path, "--all-or-nothing", "--if-owner-revision=9",
				  "--allow-empty", "--owner=o", "--election-id=2")),
			 4);
	assert_string_equal(script.log, "begin all empty since 9 for o id 2;chunk 2;commit 2;");
	assert_string_equal(result.out, "1 created, 0 updated, 0 unchanged, 7 removed, 0 "
					"absent, 1 failed\n");
	assert_string_equal(result.err, expected);
	script.with_mark = false;
	assert_int_equal(run(ARGV("replace", path, "-ojsonl")), 0);
	assert_string_equal(result.out,
			    "{\"summary\":{\"created\":1,\"updated\":0,\"unchanged\":0,"
			    "\"removed\":7,\"absent\":0,\"failed\":0,\"dryRun\":false}}\n");
}

static void test_replace_by_nothing(void **state)
{
	(void)state;
	assert_int_equal(run(ARGV("replace", write_file("\n"))), 2);
	assert_non_null(strstr(result.err, "--allow-empty"));
	assert_string_equal(script.log, "");
	script.with_mark = false;
	assert_int_equal(run(ARGV("replace", write_file("\n"), "--allow-empty")), 0);
	assert_string_equal(script.log, "begin empty since 0;commit 0;");
}

static void test_replace_declares_marks_only(void **state)
{
	(void)state;
	assert_int_equal(run(ARGV("replace", write_file("{\"clear\":{}}"))), 2);
	assert_non_null(strstr(result.err, "clear {}: Mark has no such field"));
}

/* The agent blames the place in its request; people have lines. */
static void test_refused_batch(void **state)
{
	const char *path = write_file(MARK("1") "\n" MARK("2"));
	char expected[256];

	(void)state;
	script.code = WAYMARK_INVALID_ARGUMENT;
	script.refuse_field = "marks[1].match.destination";
	(void)snprintf(expected, sizeof(expected),
		       "waymark: %s:3: 192.0.2.1: IPv4\\n\\x1b[31m (field match.destination, "
		       "reason IPV4_UNSUPPORTED)\n",
		       path);
	assert_int_equal(run(ARGV("replace", path)), 2);
	assert_string_equal(result.err, expected);
	/* What a chunk is, the library knows alone. */
	script.refuse_field = "chunk.marks[1].match.destination";
	assert_int_equal(run(ARGV("replace", path)), 2);
	assert_non_null(strstr(result.err, "waymark: 192.0.2.1: IPv4"));
	assert_non_null(strstr(result.err, "field chunk.marks[1].match.destination"));
}

/* What list prints, replace takes. */
static void test_round_trip(void **state)
{
	cleanup(free_bytes) char *listed = NULL;

	(void)state;
	script.ttl = 90;
	script.expire_time = 1738318830;
	assert_int_equal(run(ARGV("list", "--counters", "-ojsonl")), 0);
	listed = strdup(result.out);
	script.with_mark = false;
	assert_int_equal(run(ARGV("replace", write_file(listed))), 0);
	assert_string_equal(result.err, "");
	assert_string_equal(script.log, "begin since 0;chunk 3;commit 3;");
}

static void test_leases(void **state)
{
	(void)state;
	assert_int_equal(run(ARGV("lease", "grant", "1h", "--owner", "rucio")), 0);
	assert_string_equal(result.out, "               LEASE    TTL  EXPIRES  MARKS  OWNER\n"
					"18446744073709551615  3600s        -      4  rucio\n");
	assert_string_equal(script.log, "grant 3600 for rucio id 0");
	assert_int_equal(run(ARGV("lease", "renew", "7")), 0);
	assert_non_null(strstr(script.log, "renew 7"));
	assert_int_equal(run(ARGV("lease", "revoke", "18446744073709551615")), 0);
	assert_non_null(strstr(script.log, "revoke 18446744073709551615"));
	assert_string_equal(result.out, "OUTCOME  MARKS REMOVED\nREMOVED              4\n");
	assert_int_equal(run(ARGV("lease", "list", "-ojsonl")), 0);
	assert_string_equal(
		result.out,
		"{\"leaseId\":\"18446744073709551615\",\"ttl\":\"3600s\",\"owner\":\"rucio\","
		"\"markCount\":\"4\"}\n"
		"{\"leaseId\":\"18446744073709551615\",\"ttl\":\"3600s\",\"owner\":\"rucio\","
		"\"markCount\":\"4\"}\n");
	script.code = WAYMARK_NOT_FOUND;
	assert_int_equal(run(ARGV("lease", "renew", "7")), 3);
}

static void test_watch(void **state)
{
	(void)state;
	assert_int_equal(run(ARGV("watch", "--until-synced")), 0);
	assert_non_null(strstr(result.out, "EVENT    REVISION  KIND  MATCH        LABEL"));
	assert_non_null(
		strstr(result.out, "PUT             5  HOST  2001:db8::2  cms/Analysis"));
	assert_non_null(strstr(result.out, "REMOVED         5  HOST"));
	assert_non_null(strstr(result.out, "EXPIRED"));
	assert_non_null(strstr(result.out, "\nSYNCED          6  -"));
	assert_int_equal(run(ARGV("watch", "--until-synced", "-ojsonl")), 0);
	assert_ptr_equal(strstr(result.out, "{\"type\":\"TYPE_PUT\",\"mark\":{"), result.out);
	assert_non_null(strstr(result.out, "\"reason\":\"REMOVAL_REASON_EXPIRED\"}\n"
					   "{\"header\":{\"stateId\":\"s\",\"revision\":\"6\"},"
					   "\"synced\":{}}\n"));
	assert_string_equal(result.err, "");
}

static void test_watch_filter(void **state)
{
	Waymark__V1__WatchMarksRequest *request;

	(void)state;
	assert_int_equal(run(ARGV("watch", "--until-synced", "--destination", "::/1", "--owner",
				  "o", "--kind", "flow")),
			 0);
	request = waymark__v1__watch_marks_request__unpack(NULL, script.request_length,
							   script.request);
	assert_string_equal(request->filter->destination_prefix, "::/1");
	assert_string_equal(request->filter->owner, "o");
	assert_int_equal(request->filter->n_kinds, 1);
	assert_true(request->until_synced);
	waymark__v1__watch_marks_request__free_unpacked(request, NULL);
	script.code = WAYMARK_PERMISSION_DENIED;
	assert_int_equal(run(ARGV("watch")), 4);
}

int main(void)
{
#define WITH_AGENT(test) cmocka_unit_test_setup_teardown(test, cli_setup, cli_teardown)
	const struct CMUnitTest tests[] = {
		WITH_AGENT(test_write_options),
		WITH_AGENT(test_apply_in_batches),
		WITH_AGENT(test_apply_names_lines_of_failures),
		WITH_AGENT(test_apply_all_or_nothing),
		WITH_AGENT(test_apply_nothing),
		WITH_AGENT(test_wrong_files_are_not_sent),
		WITH_AGENT(test_all_wrong_lines_are_named),
		WITH_AGENT(test_replace),
		WITH_AGENT(test_replace_by_nothing),
		WITH_AGENT(test_replace_declares_marks_only),
		WITH_AGENT(test_refused_batch),
		WITH_AGENT(test_round_trip),
		WITH_AGENT(test_leases),
		WITH_AGENT(test_watch),
		WITH_AGENT(test_watch_filter),
	};

	waymark_quiet();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
