/* SPDX-License-Identifier: Apache-2.0 */
/* Whole command lines against an agent that a test scripts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "clients/cleanup.h"
#include "clients/cli/cli.h"
#include "fake_agent.h"
#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "waymark/v1/marker.pb-c.h"

#define ARGV(...) ((const char *[]){__VA_ARGS__, NULL})

/* What came of one command line. */
static struct {
	int code;
	char *out, *err;
} result;

/* What the agent is to do, and what it was asked. */
static struct {
	int code;
	bool with_mark;
	uint8_t request[4096];
	size_t request_length;
	int pages;
} script;

static struct fake_agent *agent;

static void release_result(void)
{
	free(result.out);
	free(result.err);
	result.out = NULL;
	result.err = NULL;
}

static int run(const char **argv)
{
	size_t size;
	FILE *out, *err;

	release_result();
	out = open_memstream(&result.out, &size);
	err = open_memstream(&result.err, &size);
	result.code = cli_run(argv, out, err);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(fclose(err), 0);
	return result.code;
}

static void refuse(struct fake_answer *answer)
{
	Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;
	Google__Rpc__BadRequest bad = GOOGLE__RPC__BAD_REQUEST__INIT;
	Google__Rpc__BadRequest__FieldViolation violation =
		GOOGLE__RPC__BAD_REQUEST__FIELD_VIOLATION__INIT;
	Google__Rpc__BadRequest__FieldViolation *violations[] = {&violation};
	Google__Protobuf__Any anys[] = {GOOGLE__PROTOBUF__ANY__INIT,
					GOOGLE__PROTOBUF__ANY__INIT};
	Google__Protobuf__Any *pointers[] = {&anys[0], &anys[1]};
	Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;
	uint8_t packed[2][256];

	info.reason = (char *)"IPV4_UNSUPPORTED";
	violation.field = (char *)"mark.match.destination";
	bad.n_field_violations = 1;
	bad.field_violations = violations;
	anys[0].type_url = (char *)"type.googleapis.com/google.rpc.ErrorInfo";
	anys[0].value.data = packed[0];
	anys[0].value.len = google__rpc__error_info__pack(&info, packed[0]);
	anys[1].type_url = (char *)"type.googleapis.com/google.rpc.BadRequest";
	anys[1].value.data = packed[1];
	anys[1].value.len = google__rpc__bad_request__pack(&bad, packed[1]);
	status.n_details = 2;
	status.details = pointers;
	answer->code = script.code;
	answer->message = "192.0.2.1: IPv4\n\x1B[31m";
	answer->details_length = google__rpc__status__pack(&status, answer->details);
}

/* The mark that this agent has. */
struct sample {
	Waymark__V1__Match match;
	Waymark__V1__Scitag scitag;
	Waymark__V1__Counters counters;
	Waymark__V1__Mark mark;
};

static Waymark__V1__Mark *sample_init(struct sample *sample)
{
	waymark__v1__match__init(&sample->match);
	waymark__v1__scitag__init(&sample->scitag);
	waymark__v1__counters__init(&sample->counters);
	waymark__v1__mark__init(&sample->mark);
	sample->match.destination = (char *)"2001:db8::2";
	sample->scitag.experiment_id = 3;
	sample->scitag.activity_id = 14;
	sample->scitag.experiment = (char *)"cms";
	sample->scitag.activity = (char *)"Analysis Input";
	sample->counters.packets = 12;
	sample->counters.bytes = 3456;
	sample->mark.match = &sample->match;
	sample->mark.label_case = WAYMARK__V1__MARK__LABEL_SCITAG;
	sample->mark.scitag = &sample->scitag;
	sample->mark.cookie = (char *)"a\nb";
	sample->mark.kind = WAYMARK__V1__KIND__KIND_HOST;
	sample->mark.owner = (char *)"unix:uid=0";
	sample->mark.revision = 5;
	sample->mark.counters = &sample->counters;
	return &sample->mark;
}

static void answer_set(Waymark__V1__Mark *mark, struct fake_answer *answer)
{
	Waymark__V1__SetMarkResponse response = WAYMARK__V1__SET_MARK_RESPONSE__INIT;
	char *warnings[] = {(char *)"no interface attached"};

	response.outcome = WAYMARK__V1__OUTCOME__OUTCOME_CREATED;
	response.mark = mark;
	response.n_warnings = 1;
	response.warnings = warnings;
	fake_answer_message(answer, &response.base);
}

static void answer_clear(Waymark__V1__Mark *mark, struct fake_answer *answer)
{
	Waymark__V1__ClearMarkResponse response = WAYMARK__V1__CLEAR_MARK_RESPONSE__INIT;

	response.outcome = mark ? WAYMARK__V1__OUTCOME__OUTCOME_REMOVED
				: WAYMARK__V1__OUTCOME__OUTCOME_ABSENT;
	response.mark = mark;
	fake_answer_message(answer, &response.base);
}

static void answer_get(Waymark__V1__Mark *mark, struct fake_answer *answer)
{
	Waymark__V1__GetMarkResponse response = WAYMARK__V1__GET_MARK_RESPONSE__INIT;

	response.mark = mark;
	fake_answer_message(answer, &response.base);
}

/* Three pages of one mark each; tokens are "1" and "2". */
static void answer_list(Waymark__V1__Mark *mark, const uint8_t *request, size_t length,
			struct fake_answer *answer)
{
	cleanup(free_message) Waymark__V1__ListMarksRequest *list =
		waymark__v1__list_marks_request__unpack(NULL, length, request);
	Waymark__V1__ListMarksResponse response = WAYMARK__V1__LIST_MARKS_RESPONSE__INIT;
	Waymark__V1__ResponseHeader header = WAYMARK__V1__RESPONSE_HEADER__INIT;
	int page = atoi(list->page_token);
	char token[] = {(char)('1' + page), '\0'};

	script.pages++;
	header.revision = 100 + (uint64_t)page;
	mark->revision = (uint64_t)page + 1;
	response.header = &header;
	response.n_marks = script.with_mark;
	response.marks = &mark;
	response.next_page_token = script.with_mark && page < 2 ? token : (char *)"";
	fake_answer_message(answer, &response.base);
}

static void answer_stats(struct fake_answer *answer)
{
	Waymark__V1__StatsResponse response = WAYMARK__V1__STATS_RESPONSE__INIT;
	Waymark__V1__NodeInfo node = WAYMARK__V1__NODE_INFO__INIT;
	Waymark__V1__SkipCount skips[] = {WAYMARK__V1__SKIP_COUNT__INIT,
					  WAYMARK__V1__SKIP_COUNT__INIT};
	Waymark__V1__SkipCount *skipped[] = {&skips[0], &skips[1]};
	Waymark__V1__InterfaceStats interface = WAYMARK__V1__INTERFACE_STATS__INIT;
	Waymark__V1__InterfaceStats *interfaces[] = {&interface};

	node.name = (char *)"dtn1";
	skips[0].reason = WAYMARK__V1__SKIP_REASON__SKIP_REASON_NO_MATCH;
	skips[0].packets = 12;
	skips[1].reason = WAYMARK__V1__SKIP_REASON__SKIP_REASON_NOT_IPV6;
	skips[1].packets = 3;
	interface.name = (char *)"eth0";
	interface.attach_mode = WAYMARK__V1__ATTACH_MODE__ATTACH_MODE_TCX;
	interface.n_skipped = 2;
	interface.skipped = skipped;
	response.node = &node;
	response.n_interfaces = 1;
	response.interfaces = interfaces;
	fake_answer_message(answer, &response.base);
}

static void handle(const char *path, const uint8_t *request, size_t length,
		   struct fake_answer *answer, void *user)
{
	struct sample sample;
	Waymark__V1__Mark *mark = sample_init(&sample);
	const char *method = strrchr(path, '/') + 1;

	(void)user;
	if (length <= sizeof(script.request)) {
		memcpy(script.request, request, length);
		script.request_length = length;
	}
	if (script.code)
		refuse(answer);
	else if (strcmp(method, "SetMark") == 0)
		answer_set(mark, answer);
	else if (strcmp(method, "ClearMark") == 0)
		answer_clear(script.with_mark ? mark : NULL, answer);
	else if (strcmp(method, "GetMark") == 0)
		answer_get(script.with_mark ? mark : NULL, answer);
	else if (strcmp(method, "ListMarks") == 0)
		answer_list(mark, request, length, answer);
	else
		answer_stats(answer);
}

static int setup(void **state)
{
	(void)state;
	memset(&script, 0, sizeof(script));
	script.with_mark = true;
	agent = fake_agent_new(handle, NULL);
	return setenv("WAYMARK_TARGET", fake_agent_target(agent), 1);
}

static int teardown(void **state)
{
	(void)state;
	release_result();
	fake_agent_free(agent);
	return 0;
}

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
					" DSCP  OWNER       COOKIE\n"
					"CREATED  HOST  2001:db8::2  cms/Analysis Input (3/14) "
					"    -  unix:uid=0  a\\nb\n");
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
	assert_null(request->options);
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
					"PACKETS  BYTES  OWNER       COOKIE\n"
					"HOST  2001:db8::2  cms/Analysis Input (3/14)     -    "
					"   12   3456  unix:uid=0  a\\nb\n"
					"HOST  2001:db8::2  cms/Analysis Input (3/14)     -    "
					"   12   3456  unix:uid=0  a\\nb\n"
					"HOST  2001:db8::2  cms/Analysis Input (3/14)     -    "
					"   12   3456  unix:uid=0  a\\nb\n");
	script.with_mark = false;
	assert_int_equal(run(ARGV("list")), 0);
	assert_string_equal(result.out,
			    "KIND  MATCH  LABEL  DSCP  PACKETS  BYTES  OWNER  COOKIE\n");
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
	{{"set", "::1", "--label=1", "--scitag=3/14"},
	 "waymark: set: --scitag and --label exclude each other\n"},
	{{"list", "--label=1", "--scitag=3/14"},
	 "waymark: list: --scitag and --label exclude each other\n"},
	{{"--target", "nowhere", "stats"},
	 "waymark: --target: 'nowhere' is not unix:/path, host:port or [address]:port\n"},
	{{"--tls-cert=/nonexistent", "--target=h:1", "--tls-key=/", "stats"},
	 "waymark: --tls-cert: /nonexistent: No such file or directory\n"},
	{{"scitag", "frob"}, "waymark: scitag: 'frob' is not encode, decode or list\n"},
	{{"scitag", "encode"}, "waymark: scitag encode: EXP[/ACT] is missing\n"},
	{{"scitag", "list", "x"}, "waymark: scitag list: unexpected argument 'x'\n"},
	{{"scitag", "list", "--registry", "/nonexistent"},
	 "waymark: scitag: --registry '/nonexistent': No such file or directory\n"},
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
#define WITH_AGENT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH_AGENT(test_set),	      WITH_AGENT(test_set_sends_no_more_than_given),
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
