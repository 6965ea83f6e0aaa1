/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_harness.h"
#include "cli_answers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients/cleanup.h"
#include "clients/cli/cli.h"
#include "fake_agent.h"
#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "waymark/v1/marker.pb-c.h"

struct cli_result result;
struct cli_script script;

static struct fake_agent *agent;

static void release_result(void)
{
	free(result.out);
	free(result.err);
	result.out = NULL;
	result.err = NULL;
}

int run(const char **argv)
{
	size_t size;
	FILE *out, *err;

	release_result();
	out = open_memstream(&result.out, &size);
	err = open_memstream(&result.err, &size);
	fake_agent_sync(agent);
	result.code = cli_run(argv, out, err);
	fake_agent_sync(agent);
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
	violation.field =
		(char *)(script.refuse_field ? script.refuse_field : "mark.match.destination");
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
	Google__Protobuf__Duration ttl;
	Google__Protobuf__Timestamp expire_time;
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
	if (script.ttl) {
		google__protobuf__duration__init(&sample->ttl);
		google__protobuf__timestamp__init(&sample->expire_time);
		sample->ttl.seconds = script.ttl;
		sample->expire_time.seconds = script.expire_time;
		sample->mark.lifetime_case = WAYMARK__V1__MARK__LIFETIME_TTL;
		sample->mark.ttl = &sample->ttl;
		sample->mark.expire_time = &sample->expire_time;
	}
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
	Waymark__V1__Scitag scitag = WAYMARK__V1__SCITAG__INIT;
	Waymark__V1__Counters counters = WAYMARK__V1__COUNTERS__INIT;
	Waymark__V1__ScitagStats scitags[] = {WAYMARK__V1__SCITAG_STATS__INIT,
					      WAYMARK__V1__SCITAG_STATS__INIT};
	Waymark__V1__ScitagStats *scitag_list[] = {&scitags[0], &scitags[1]};
	Waymark__V1__StatsResponse response = WAYMARK__V1__STATS_RESPONSE__INIT;
	Waymark__V1__NodeInfo node = WAYMARK__V1__NODE_INFO__INIT;
	Waymark__V1__SkipCount skips[] = {WAYMARK__V1__SKIP_COUNT__INIT,
					  WAYMARK__V1__SKIP_COUNT__INIT};
	Waymark__V1__SkipCount *skipped[] = {&skips[0], &skips[1]};
	Waymark__V1__InterfaceStats interface = WAYMARK__V1__INTERFACE_STATS__INIT;
	Waymark__V1__InterfaceStats *interfaces[] = {&interface};
	Waymark__V1__Limits limits = WAYMARK__V1__LIMITS__INIT;

	node.name = (char *)"dtn1";
	counters.packets = 7;
	counters.bytes = 8400;
	scitag.experiment_id = 3;
	scitag.activity_id = 14;
	scitags[0].observed = &counters;
	scitags[1].scitag = &scitag;
	scitags[1].sent = &counters;
	skips[0].reason = WAYMARK__V1__SKIP_REASON__SKIP_REASON_NO_MATCH;
	skips[0].packets = 12;
	skips[1].reason = WAYMARK__V1__SKIP_REASON__SKIP_REASON_NOT_IPV6;
	skips[1].packets = 3;
	interface.name = (char *)"eth0";
	interface.attach_mode = WAYMARK__V1__ATTACH_MODE__ATTACH_MODE_TCX;
	interface.n_skipped = 2;
	interface.skipped = skipped;
	limits.max_updates = 3;
	response.limits = &limits;
	response.node = &node;
	response.n_interfaces = 1;
	response.interfaces = interfaces;
	response.n_scitags = 2;
	response.scitags = scitag_list;
	response.audit_repairs = 5;
	fake_answer_message(answer, &response.base);
}

static void handle(const char *path, const uint8_t *request, size_t length,
		   struct fake_answer *answer, void *user)
{
	struct sample sample;
	Waymark__V1__Mark *mark = sample_init(&sample);
	const char *method = strrchr(path, '/') + 1;

	(void)user;
	if (request && length <= sizeof(script.request)) {
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
	else if (!answer_batch(method, request, length, mark, answer))
		answer_stats(answer);
}

const char *write_file(const char *text)
{
	static char path[128];
	FILE *file;

	/* Beside the agent's socket: both go together. */
	(void)snprintf(path, sizeof(path), "%s.file",
		       fake_agent_target(agent) + strlen("unix:"));
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	return path;
}

int cli_setup(void **state)
{
	(void)state;
	memset(&script, 0, sizeof(script));
	script.with_mark = true;
	agent = fake_agent_new(handle, NULL);
	return setenv("WAYMARK_TARGET", fake_agent_target(agent), 1);
}

int cli_teardown(void **state)
{
	(void)state;
	release_result();
	(void)unlink(write_file(""));
	fake_agent_free(agent);
	return 0;
}
