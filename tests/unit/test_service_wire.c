/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/wire: what is read from a message is what is written into one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/registry.h"
#include "service/service.h"
#include "service/wire.h"
#include "wire/mark.h"
#include "wire/read.h"

static struct registry *registry;

struct request {
	Waymark__V1__Mark mark;
	Waymark__V1__Match match;
	Waymark__V1__Scitag scitag;
	Google__Protobuf__Duration ttl;
};

static void init_request(struct request *request)
{
	waymark__v1__mark__init(&request->mark);
	waymark__v1__match__init(&request->match);
	waymark__v1__scitag__init(&request->scitag);
	google__protobuf__duration__init(&request->ttl);
	request->match.destination = (char *)"2001:0DB8::0:1";
	request->mark.match = &request->match;
}

/* A mark as it is written, read by protobuf-c. To be freed. */
static Waymark__V1__Mark *written(const struct mark *mark, const struct traffic_count *counters,
				  int64_t expire_time)
{
	const struct wire_state state = {counters, expire_time};
	uint8_t octets[WIRE_MARK_ROOM];
	struct wire wire = {.at = octets,
			    .end = wire_put_mark(octets, 7, mark, registry, &state)};
	struct wire_field field = {.number = 0};
	Waymark__V1__Mark *message;

	assert_in_range(wire_left(&wire), 1, SERVICE_MARK_OCTETS);
	assert_int_equal(wire_next(&wire, &field), 0);
	assert_int_equal(field.number, 7);
	assert_int_equal(wire_left(&wire), 0);
	message = waymark__v1__mark__unpack(NULL, wire_left(&field.bytes), field.bytes.at);
	assert_non_null(message);
	return message;
}

static void use_scitag(struct request *request, const char *experiment, const char *activity)
{
	request->mark.label_case = WAYMARK__V1__MARK__LABEL_SCITAG;
	request->mark.scitag = &request->scitag;
	request->scitag.experiment = (char *)experiment;
	request->scitag.activity = (char *)activity;
}

static void use_flow_label(struct request *request, uint32_t label)
{
	request->mark.label_case = WAYMARK__V1__MARK__LABEL_FLOW_LABEL;
	request->mark.flow_label = label;
}

static void use_dscp(struct request *request, uint32_t dscp)
{
	request->mark.dscp_choice_case = WAYMARK__V1__MARK__DSCP_CHOICE_DSCP;
	request->mark.dscp = dscp;
}

static void use_ttl(struct request *request, int64_t seconds, int32_t nanos)
{
	request->mark.lifetime_case = WAYMARK__V1__MARK__LIFETIME_TTL;
	request->mark.ttl = &request->ttl;
	request->ttl.seconds = seconds;
	request->ttl.nanos = nanos;
}

static void test_what_is_set_is_what_is_read(void **state)
{
	struct request request;
	struct engine_update update;
	struct mark mark;
	Waymark__V1__Mark *message;

	(void)state;
	init_request(&request);
	use_scitag(&request, "CMS", "analysis input");
	use_dscp(&request, 0);
	request.mark.cookie = (char *)"job 7";
	request.mark.owner = (char *)"ignored";
	assert_int_equal(wire_read_mark(&request.mark, registry, &update, NULL), 0);
	update.revision = 9;
	update.create_time = 1500000000250000000;
	mark = wire_mark_of(&update, "cn:ctl");
	message = written(&mark, NULL, 0);
	assert_string_equal(message->match->destination, "2001:db8::1");
	assert_int_equal(message->kind, WAYMARK__V1__KIND__KIND_HOST);
	assert_int_equal(message->scitag->experiment_id, 3);
	assert_int_equal(message->scitag->activity_id, 14);
	assert_string_equal(message->scitag->experiment, "cms");
	assert_string_equal(message->scitag->activity, "Analysis Input");
	assert_int_equal(message->dscp_choice_case, WAYMARK__V1__MARK__DSCP_CHOICE_DSCP);
	assert_int_equal(message->dscp, 0);
	assert_string_equal(message->cookie, "job 7");
	assert_string_equal(message->owner, "cn:ctl");
	assert_int_equal(message->revision, 9);
	assert_int_equal(message->create_time->seconds, 1500000000);
	assert_int_equal(message->create_time->nanos, 250000000);
	assert_null(message->counters);
	assert_null(message->expire_time);
	assert_int_equal(message->lifetime_case, WAYMARK__V1__MARK__LIFETIME__NOT_SET);
	waymark__v1__mark__free_unpacked(message, NULL);
}

static void test_unknown_ids_have_no_names(void **state)
{
	struct request request;
	struct engine_update update;
	struct mark mark;
	Waymark__V1__Mark *message;

	(void)state;
	init_request(&request);
	use_scitag(&request, "", "");
	request.scitag.experiment_id = 511;
	assert_int_equal(wire_read_mark(&request.mark, registry, &update, NULL), 0);
	mark = wire_mark_of(&update, "");
	message = written(&mark, &(struct traffic_count){2, 300}, 0);
	assert_int_equal(message->scitag->experiment_id, 511);
	assert_string_equal(message->scitag->experiment, "");
	assert_int_equal(message->counters->bytes, 300);
	waymark__v1__mark__free_unpacked(message, NULL);
}

#define TTL_MAX_SECONDS (SERVICE_TTL_MAX / 1000000000)

static void test_ttl(void **state)
{
	static const struct {
		int64_t seconds;
		int32_t nanos;
		uint64_t ttl; /* 0: refused */
		const char *message; /* part of it */
	} rows[] = {
		{1, 0, 1000000000, NULL},
		{1, 1, 1000000001, NULL},
		{1, 999999999, 1999999999, NULL},
		{TTL_MAX_SECONDS, 0, SERVICE_TTL_MAX, NULL},
		{TTL_MAX_SECONDS - 1, 999999999, SERVICE_TTL_MAX - 1, NULL},
		{0, 0, 0, "seconds 0 and nanos 0: not in 1..2592000 seconds"},
		{0, 999999999, 0, "seconds 0 and nanos 999999999: not in 1.."},
		{TTL_MAX_SECONDS, 1, 0, "seconds 2592000 and nanos 1: not in"},
		{TTL_MAX_SECONDS + 1, 0, 0, "seconds 2592001 and nanos 0: not in"},
		{-1, 0, 0, "seconds -1 and nanos 0: not in"},
		{-5, -5, 0, "seconds -5 and nanos -5: not in"},
		{0, -1, 0, "seconds 0 and nanos -1: not in"},
		{INT64_MAX, 999999999, 0, "seconds 9223372036854775807 and"},
		{INT64_MIN, 0, 0, "seconds -9223372036854775808 and"},
		/* As nanoseconds these would wrap round to 4 s and 1 s. */
		{18446744077, 0, 0, "seconds 18446744077 and"},
		{-18446744072, 0, 0, "seconds -18446744072 and"},
		{9223372035, 999999999, 0, "seconds 9223372035 and"},
		{-9223372035, -999999999, 0, "seconds -9223372035 and"},
		{5, 1000000000, 0, "nanos 1000000000: not in -999999999..999999999"},
		{5, INT32_MAX, 0, "nanos 2147483647: not in"},
		{-5, INT32_MIN, 0, "nanos -2147483648: not in"},
		{5, -1, 0, "seconds 5 and nanos -1: not of one sign"},
		{-5, 1, 0, "seconds -5 and nanos 1: not of one sign"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct engine_update update = {.revision = 77};
		struct request request;
		struct fault fault = {.code = FAULT_NONE};

		init_request(&request);
		use_flow_label(&request, 5);
		use_ttl(&request, rows[i].seconds, rows[i].nanos);
		assert_int_equal(wire_read_mark(&request.mark, registry, &update, &fault),
				 rows[i].ttl ? 0 : -EINVAL);
		if (rows[i].ttl) {
			assert_int_equal(update.lifetime, MARK_TTL);
			assert_int_equal(update.ttl, rows[i].ttl);
			continue;
		}
		assert_int_equal(fault.code, FAULT_INVALID_ARGUMENT);
		assert_string_equal(fault.reason, FAULT_REASON_OUT_OF_RANGE);
		assert_string_equal(fault.field, "ttl");
		if (!strstr(fault.message, rows[i].message))
			fail_msg("%s", fault.message);
		assert_int_equal(update.revision, 77);
	}
}

static void test_lifetime_is_answered(void **state)
{
	struct mark mark = {.lifetime = MARK_TTL,
			    .ttl = 90500000000,
			    .match = {.kind = MARK_HOST, .prefix_length = 128}};
	Waymark__V1__Mark *message;

	(void)state;
	message = written(&mark, NULL, 1500000090750000000);
	assert_int_equal(message->lifetime_case, WAYMARK__V1__MARK__LIFETIME_TTL);
	assert_int_equal(message->ttl->seconds, 90);
	assert_int_equal(message->ttl->nanos, 500000000);
	assert_int_equal(message->expire_time->seconds, 1500000090);
	assert_int_equal(message->expire_time->nanos, 750000000);
	waymark__v1__mark__free_unpacked(message, NULL);
}

/* Each refusal: how to spoil a good request, and what it must say. */
static void no_match(struct request *request)
{
	request->mark.match = NULL;
}

static void bad_destination(struct request *request)
{
	request->match.destination = (char *)"2001:db8::zz";
}

static void large_label(struct request *request)
{
	use_flow_label(request, 0x100000);
}

static void large_dscp(struct request *request)
{
	use_dscp(request, 64);
}

static void large_experiment(struct request *request)
{
	use_scitag(request, "", "");
	request->scitag.experiment_id = 512;
}

static void neither(struct request *request)
{
	request->mark.label_case = WAYMARK__V1__MARK__LABEL__NOT_SET;
}

static char long_cookie[MARK_COOKIE_MAX + 2];

static void large_cookie(struct request *request)
{
	memset(long_cookie, 'x', MARK_COOKIE_MAX + 1);
	request->mark.cookie = long_cookie;
}

static void test_refusals(void **state)
{
	static const struct {
		void (*spoil)(struct request *request);
		const char *field, *reason;
	} rows[] = {
		{no_match, "match", FAULT_REASON_MISSING_FIELD},
		{bad_destination, "match.destination", FAULT_REASON_INVALID_ADDRESS},
		{large_label, "flow_label", FAULT_REASON_OUT_OF_RANGE},
		{large_dscp, "dscp", FAULT_REASON_OUT_OF_RANGE},
		{large_experiment, "scitag.experiment_id", FAULT_REASON_OUT_OF_RANGE},
		{neither, "label", FAULT_REASON_MISSING_FIELD},
		{large_cookie, "cookie", FAULT_REASON_OUT_OF_RANGE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct engine_update update = {.revision = 77};
		struct request request;
		struct fault fault;

		init_request(&request);
		use_flow_label(&request, 5);
		rows[i].spoil(&request);
		assert_int_equal(wire_read_mark(&request.mark, registry, &update, &fault),
				 -EINVAL);
		assert_int_equal(fault.code, FAULT_INVALID_ARGUMENT);
		assert_string_equal(fault.field, rows[i].field);
		assert_string_equal(fault.reason, rows[i].reason);
		assert_int_equal(update.revision, 77);
	}
}

static void test_edges_are_allowed(void **state)
{
	struct request request;
	struct engine_update update;

	(void)state;
	init_request(&request);
	use_flow_label(&request, 0xFFFFF);
	use_dscp(&request, 63);
	memset(long_cookie, 'x', MARK_COOKIE_MAX);
	long_cookie[MARK_COOKIE_MAX] = '\0';
	request.mark.cookie = long_cookie;
	assert_int_equal(wire_read_mark(&request.mark, registry, &update, NULL), 0);
	use_flow_label(&request, 0);
	assert_int_equal(wire_read_mark(&request.mark, registry, &update, NULL), 0);
	assert_int_equal(update.action.label, MARK_LABEL_RAW);
}

static void test_lease(void **state)
{
	struct engine_update update;
	struct request request;
	Waymark__V1__Mark *message;
	struct fault fault;
	struct mark mark;

	(void)state;
	init_request(&request);
	use_dscp(&request, 46);
	request.mark.lifetime_case = WAYMARK__V1__MARK__LIFETIME_LEASE_ID;
	request.mark.lease_id = 12;
	assert_int_equal(wire_read_mark(&request.mark, registry, &update, NULL), 0);
	assert_int_equal(update.lifetime, MARK_LEASE);
	mark = wire_mark_of(&update, "");
	message = written(&mark, NULL, 0);
	assert_int_equal(message->lifetime_case, WAYMARK__V1__MARK__LIFETIME_LEASE_ID);
	assert_int_equal(message->lease_id, 12);
	waymark__v1__mark__free_unpacked(message, NULL);
	request.mark.lease_id = 0;
	assert_int_equal(wire_read_mark(&request.mark, registry, &update, &fault), -EINVAL);
	assert_string_equal(fault.field, "lease_id");
}

/* A registry whose names are as long as they may be, which other registries than ours may have.
 */
static struct registry *longest_names(const char name[static REGISTRY_NAME_MAX + 1])
{
	struct registry *names = NULL;
	char json[1024];

	snprintf(json, sizeof(json),
		 "{\"experiments\": [{\"expName\": \"%s\", \"expId\": 511, \"activities\":"
		 " [{\"activityName\": \"%s\", \"activityId\": 63}]}]}",
		 name, name);
	assert_int_equal(registry_parse(json, strlen(json), &names, NULL), 0);
	return names;
}

/* With the longest of everything. */
static void test_largest_mark(void **state)
{
	char longest[MARK_OWNER_MAX + 1], name[REGISTRY_NAME_MAX + 1];
	struct mark mark = {.lifetime = MARK_TTL,
			    .ttl = SERVICE_TTL_MAX - 1,
			    .action = {.label = MARK_LABEL_SCITAG,
				       .has_dscp = true,
				       .dscp = 63,
				       .experiment = 511,
				       .activity = 63},
			    .revision = UINT64_MAX,
			    .create_time = INT64_MAX};
	const struct wire_state largest = {&(struct traffic_count){UINT64_MAX, UINT64_MAX},
					   INT64_MAX};
	uint8_t octets[WIRE_MARK_ROOM];
	struct registry *names;

	(void)state;
	memset(longest, 'x', MARK_OWNER_MAX);
	longest[MARK_OWNER_MAX] = '\0';
	memset(name, 'x', REGISTRY_NAME_MAX);
	name[REGISTRY_NAME_MAX] = '\0';
	names = longest_names(name);
	memcpy(mark.owner, longest, MARK_OWNER_MAX);
	memcpy(mark.cookie, longest, MARK_COOKIE_MAX);
	assert_int_equal(
		match_parse(
			&(struct match_text){
				.destination = "2001:1000:1000:1000:1000:1000:1000:1000",
				.source = "2001:1000:1000:1000:1000:1000:1000:1001",
				.protocol = 136,
				.source_port = 65535,
				.destination_port = 65535},
			&mark.match, NULL),
		0);
	assert_in_range(wire_put_mark(octets, WIRE_MARK_COUNTERS, &mark, names, &largest) -
				octets,
			700, SERVICE_MARK_OCTETS);
	registry_free(names);
}

static void test_precondition(void **state)
{
	static const struct {
		uint8_t verb;
		bool must_not_exist;
		uint64_t if_revision;
		const char *field; /* NULL: accepted */
	} rows[] = {
		{UPDATE_SET, false, 0, NULL},
		{UPDATE_SET, true, 0, NULL},
		{UPDATE_SET, false, 7, NULL},
		{UPDATE_SET, true, 7, "precondition.if_revision"},
		{UPDATE_CLEAR, false, 7, NULL},
		{UPDATE_CLEAR, true, 0, "precondition.must_not_exist"},
		{UPDATE_CLEAR, true, 7, "precondition.must_not_exist"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		Waymark__V1__Precondition message = WAYMARK__V1__PRECONDITION__INIT;
		struct engine_update update = {.verb = rows[i].verb};
		struct fault fault;
		int r;

		message.must_not_exist = rows[i].must_not_exist;
		message.if_revision = rows[i].if_revision;
		r = wire_read_precondition(&message, &update, &fault);
		assert_int_equal(r, rows[i].field ? -EINVAL : 0);
		if (r < 0) {
			assert_string_equal(fault.field, rows[i].field);
			assert_string_equal(fault.reason, FAULT_REASON_UNEXPECTED_FIELD);
		}
		assert_int_equal(update.must_not_exist, r == 0 && rows[i].must_not_exist);
		assert_int_equal(update.if_revision, r == 0 ? rows[i].if_revision : 0);
	}
}

static void test_status(void **state)
{
	struct rpc_status status = {.code = 0};
	struct fault fault;

	(void)state;
	fault_set(&fault, FAULT_RESOURCE_EXHAUSTED, FAULT_REASON_TABLE_FULL, "mark", "full");
	fault.subject = "networks";
	wire_status(&status, &fault);
	assert_int_equal(status.code, 8);
	assert_string_equal(status.field, "mark");
	assert_string_equal(status.reason, "TABLE_FULL");
	assert_string_equal(status.quota_subject, "networks");
	assert_int_equal(status.retry_after_ms, 0);
	memset(&status, 0, sizeof(status));
	fault_set(&fault, FAULT_UNAVAILABLE, FAULT_REASON_STORE, NULL, "disk");
	wire_status(&status, &fault);
	assert_true(status.retry_after_ms > 0);
}

static int load_registry(void **state)
{
	(void)state;
	return registry_builtin(&registry);
}

static int free_registry(void **state)
{
	(void)state;
	registry_free(registry);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_set_is_what_is_read),
		cmocka_unit_test(test_unknown_ids_have_no_names),
		cmocka_unit_test(test_ttl),
		cmocka_unit_test(test_lifetime_is_answered),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_edges_are_allowed),
		cmocka_unit_test(test_lease),
		cmocka_unit_test(test_largest_mark),
		cmocka_unit_test(test_precondition),
		cmocka_unit_test(test_status),
	};

	return cmocka_run_group_tests(tests, load_registry, free_registry);
}
